"""8 WHAT IS WRONG. One file per kind of docs/kinds.md. Pure: signals in, a verdict out.

A unit of this family has a docstring with What:, Why:, Fix: (it is the page in the docs and the text in the report) and

    BRANCH: str                 cpu | memory | database | network | server_limit | code | measurement | none
    STEP: str                   the remedy's name in verdict.json
    RANK: int                   causes before symptoms: smaller is nearer to the cause (see diagnosis/rank.py)
    AT_LIMIT: bool              true only of a system that reached a limit; False: a defect at any load
    ELASTIC: bool               slowing its processes decides it: of a true one throughput falls by the same share. Not
                                where they stand still anyway (a quota, a sleep): a stop hides in the wait
    COVERS: tuple[str, ...]     optional: kinds that say less of the same service, not listed beside this one
    NEEDS: tuple[str, ...]      signals it cannot do without; one that is missing makes the rule Unknown
    USES: tuple[str, ...]       signals it looks at where they exist
    def check(s: Signals) -> Verdict

Its docstring may go on with Not: (look-alikes, and what tells them apart), Python: and Node: (the fix in each).

It may have

    LIFTS: tuple[str, ...]      resources of signals/headroom.py that the remedy adds to; () where the limit is none of
                                them (a lock, a limiter). Without LIFTS nobody foresees what limits next
    SPARES: bool                the remedy makes requests cheaper here, by how much nobody knows: what limits next is
                                then said without this service
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadlab.signals.hot import Line

UNIT = ("BRANCH", "STEP", "RANK", "AT_LIMIT", "ELASTIC", "NEEDS", "USES", "check")


@dataclass(frozen=True)
class Evidence:
    """One fact in plain words. `limit` is the threshold it was held against."""

    metric: str
    value: float
    says: str
    limit: float | None = None


@dataclass(frozen=True)
class Where:
    """The line to blame, of the user's own code; None where only the file is known. `share`: of what the finding is
    about (CPU time, or time blocked)."""

    function: str
    file: str
    line: int | None
    share: float | None = None

    @property
    def place(self) -> str:
        """`app.py:42`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One place where a rule's kind is true.

    sentence: what is wrong, complete, for people. strength: 0..1, how far past its thresholds the main evidence is.
    signals: how many independent signals agree: two make a verdict `supported`, one `suspected`.
    gain: expected capacity after the step, as a factor of today's (1.9 = +90%); None where it cannot be said.
    """

    service: str
    sentence: str
    evidence: tuple[Evidence, ...]
    remedy: str
    instance: int | None = None
    pid: int | None = None
    where: Where | None = None
    strength: float = 0.5
    signals: int = 1
    gain: float | None = None
    limits: bool = True
    """False: true, and something else is what throughput stops at. It is listed last."""
    fact: bool = False
    """It happened, whatever the load was: told also where the generator was the limit."""
    step: str | None = None
    """Where the remedy differs from the rule's STEP."""
    along: tuple[str, ...] = ()
    """Further services of which it is true alike, which the sentence names too and the remedy is for."""


@dataclass(frozen=True)
class Found:
    """The kind is true, in one or more places, worst first."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Clear:
    """The kind is not true: looked, and it is not there. `why` in a few words."""

    why: str = ""
    evidence: tuple[Evidence, ...] = field(default=())


@dataclass(frozen=True)
class Unknown:
    """The data cannot tell."""

    why: str


Verdict = Found | Clear | Unknown


def blame(line: Line | None) -> Where | None:
    """A line of the user's as verdict.json has it."""
    if line is None:
        return None
    return Where(line.function, line.file, line.line or None, round(line.share, 3))


def at(where: Where | None) -> str:
    """` in render() at app.py:42`, or nothing."""
    return "" if where is None else f" in {where.function}() at {where.place}"


SMALL = 0.05
"""Share of a service's CPU below which its costliest line is no answer: without it throughput would be 5% higher, which
is what two runs of the same system differ by."""


def takes(where: Where | None, outside: Line | None = None) -> str:
    """`: render() at app.py:42 takes 71% of it`, or nothing; where it takes next to nothing, that. outside: what a
    package does by itself, told where that is more."""
    own = where.share if where is not None else None
    if outside is not None and outside.share > (own or 0.0):
        taken = f"{outside.function}() at {outside.file} takes {percent(outside.share)} of it"
        return f": {taken}, called by no line of its own"
    if where is None or where.share is None:
        return ""
    if where.share < SMALL:
        return f"; no line of its own takes more than {percent(where.share)} of it, the rest goes into what it runs on"
    return f": {where.function}() at {where.place} takes {percent(where.share)} of it"


def counted(number: float, noun: str) -> str:
    """`1 thread`, `4 threads`."""
    return f"{number:.0f} {noun}{'s' * (f'{number:.0f}' != '1')}"


def queued(requests: float, places: float, what: str = "request") -> str:
    """`5 requests wait for one` of several places; for the only one there is, `it`."""
    waiting = f"{counted(requests, what)} {'waits' if f'{requests:.0f}' == '1' else 'wait'}"
    return f"{waiting} for {'it' if f'{places:.0f}' == '1' else 'one'}"


def percent(share: float) -> str:
    """0.714 -> 71%. What is not all is not 100%: 0.998 -> 99%."""
    return "99%" if 0.99 < share < 0.9995 else f"{100 * share:.0f}%"


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(each for each in (", ".join(names[:-1]), names[-1]) if each)


HOT_LINE = 1 / 3
"""Share of CPU from which on one function comes before more workers: halving it frees a sixth of the core, for free."""


def cheaper_first(where: Where | None, more: str) -> str:
    """The next step where a core is used up: the function first, where it takes a good part of the core; then `more`, a
    whole sentence."""
    if where is None or where.share is None or where.share < HOT_LINE:
        return more
    return f"First make {where.function}() cheaper: it takes {percent(where.share)} of the core. Then: {more}"
