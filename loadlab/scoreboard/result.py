"""What one run of a case came to: a line of the file in which results are kept. Appended as they come, so that nothing
is lost by an interruption; of several lines about one run the last one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from loadlab.errors import RecordingError
from loadlab.scoreboard.case import Case
from loadlab.scoreboard.judge import judge

FORMAT = 1
FAILED = "failed"
"""Said of a run that ended without a verdict."""

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Setting:
    """Where and with what the run was made; `at` is ISO 8601."""

    at: str
    loadlab: str
    commit: str
    cpu: str
    cores: int


@dataclass(frozen=True)
class Said:
    """The first finding of a verdict; outcome alone where nothing was named."""

    outcome: str
    sentence: str = ""
    kind: str = ""
    service: str = ""
    grade: str = ""
    where: str = ""


@dataclass(frozen=True)
class Result:
    """One case, run once. `line` None: no line is to blame. `also` of `faults_beside`: further faults found. `others`:
    (kind, service, grade) of what was named beside the first. seconds: from the start to the verdict. tries: runs it
    took until strangers left the machine alone. slowed: (service, elasticity) of all that the experiment slowed.
    judged_by: the commit that judged the recording anew, where that was another than the run's. idle_share: of the
    machine's cores while it was measured; None where that was not kept."""

    case: str
    seed: int
    repeat: int
    stacks: tuple[str, ...]
    control: bool
    true_kind: str
    true_service: str
    said: Said
    others: tuple[tuple[str, str, str], ...]
    kind: bool
    service: bool
    line: bool | None
    also: int
    faults_beside: int
    wrong: tuple[str, ...]
    seconds: float
    tries: int
    recording: str
    setting: Setting
    slowed: tuple[tuple[str, float], ...] = ()
    judged_by: str = ""
    idle_share: float | None = None

    @property
    def key(self) -> Key:
        """Which run this is."""
        return self.case, self.seed, self.repeat

    @property
    def truth(self) -> str:
        """A kind, or none."""
        return "none" if self.control else self.true_kind

    @property
    def answer(self) -> str:
        """What was said, as a kind, or none, unknown, generator, failed."""
        return self.said.kind or self.said.outcome


@dataclass(frozen=True)
class Run:
    """What is known of a run before it is judged."""

    case: Case
    seed: int
    repeat: int
    seconds: float
    tries: int
    recording: str
    setting: Setting


def judged(run: Run, verdict: Mapping[str, Any]) -> Result:
    """A run that ended with a verdict, the content of verdict.json."""
    held, first = judge(run.case, verdict), verdict.get("bottleneck") or {}
    said = Said(
        outcome=verdict["outcome"],
        sentence=verdict.get("sentence", ""),
        kind=first.get("kind", ""),
        service=first.get("service", ""),
        grade=first.get("grade", ""),
        where=_where(first.get("where")),
    )
    others = tuple((each["kind"], each["service"], each["grade"]) for each in verdict.get("others", ()))
    found = _result(run, said, others, held.kind, held.service, held.line, held.also, held.wrong)
    signals = verdict.get("signals") or {}
    slowed, host = signals.get("elasticity") or {}, signals.get("host") or {}
    values = tuple((name, each["value"]) for name, each in sorted(slowed.items()))
    return replace(found, slowed=values, idle_share=host.get("idle_share"))


def failed(run: Run, why: str) -> Result:
    """A run that ended without one."""
    line = False if run.case.function else None
    return _result(run, Said(FAILED, why), (), False, False, line, 0, (f"no verdict: {why}",))


def accepted(said: Result) -> bool:
    """Whether everything is as expected."""
    return not said.wrong


def to_line(result: Result) -> str:
    """JSON in one line."""
    return json.dumps({"format": FORMAT, **asdict(result)}, ensure_ascii=False, separators=(",", ":")) + "\n"


def from_text(text: str, name: str) -> list[Result]:
    """The results in a file of that name. A last line that was cut short by a kill is left out. Raises RecordingError
    for a line that is none."""
    lines = text.split("\n")
    found = {result.key: result for number, line in enumerate(lines[:-1], 1) for result in _parsed(line, name, number)}
    return list(found.values())


def _parsed(line: str, name: str, number: int) -> Iterable[Result]:
    try:
        raw = json.loads(line)
        if raw.pop("format") != FORMAT:
            raise ValueError("another format")
        raw["said"], raw["setting"] = Said(**raw["said"]), Setting(**raw["setting"])
        for pairs in ("others", "slowed"):
            raw[pairs] = tuple(tuple(each) for each in raw.get(pairs, ()))
        for each in fields(Result):
            if isinstance(raw.get(each.name), list):
                raw[each.name] = tuple(raw[each.name])
        yield Result(**raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordingError(
            f"{name}:{number}: this is no result of `loadlab scoreboard` ({error}); name another --results FILE"
        ) from error


def _result(
    run: Run,
    said: Said,
    others: tuple[tuple[str, str, str], ...],
    kind: bool,
    service: bool,
    line: bool | None,
    also: int,
    wrong: tuple[str, ...],
) -> Result:
    case = run.case
    return Result(
        case=case.name,
        seed=run.seed,
        repeat=run.repeat,
        stacks=case.stacks,
        control=case.is_control,
        true_kind=case.kind,
        true_service=case.service,
        said=said,
        others=others,
        kind=kind,
        service=service,
        line=line,
        also=also,
        faults_beside=len(case.also),
        wrong=wrong,
        seconds=round(run.seconds, 1),
        tries=run.tries,
        recording=run.recording,
        setting=run.setting,
    )


def _where(where: Mapping[str, Any] | None) -> str:
    """`app.py:42 render()`: the file without the folder it lay in, which says nothing."""
    return f"{where['file'].rsplit('/', 1)[-1]}:{where.get('line', '?')} {where['function']}()" if where else ""
