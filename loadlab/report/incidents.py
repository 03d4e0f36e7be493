"""What happened once: processes that ended unasked, and remarks of those who ran and watched the system."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from loadlab.recording.model import Event, Recording
from loadlab.signals import life

MOST = 12
MOST_SCALINGS = 30
LAST_LINES = 5
"""Of what a process printed before it ended, shown of a service's first exit; of the others the very last."""


@dataclass(frozen=True)
class Exit:
    """A process that ended unasked. worker: one that the instance had forked itself."""

    t: float
    service: str
    instance: int
    how: str
    last_lines: tuple[str, ...]
    worker: bool


@dataclass(frozen=True)
class Scaling:
    """A decision of a scaler. took_s: until the instance took requests, None where it went or never did."""

    t: float
    service: str
    before: int
    after: int
    why: str
    took_s: float | None


def scalings(recording: Recording) -> tuple[Scaling, ...]:
    """The first MOST_SCALINGS of them."""
    decided = [each for each in recording.events if each.kind == "scaled"]
    return tuple(
        Scaling(
            each.t,
            each.service,
            int(each.data.get("before", 0)),
            int(each.data.get("after", 0)),
            str(each.data.get("why", "")),
            _took_s(recording, each),
        )
        for each in decided[:MOST_SCALINGS]
    )


def further_scalings(recording: Recording) -> int:
    """How many there were beyond those that `scalings` gives."""
    return max(0, sum(each.kind == "scaled" for each in recording.events) - MOST_SCALINGS)


def _took_s(recording: Recording, decision: Event) -> float | None:
    mine = [
        each.t
        for each in recording.events
        if each.kind == "joined"
        and (each.service, each.instance) == (decision.service, decision.instance)
        and each.t >= decision.t
    ]
    return min(mine) - decision.t if mine and decision.data.get("direction") == "out" else None


def exits(recording: Recording) -> tuple[Exit, ...]:
    """The first MOST of them."""
    unasked = life.compute(recording).exits
    firsts = {each.service: each for each in reversed(unasked)}
    return tuple(
        Exit(
            each.t,
            each.service,
            each.instance,
            _how(each),
            each.last_lines[-(LAST_LINES if each in firsts.values() else 1) :],
            each.worker,
        )
        for each in unasked[:MOST]
    )


def further_exits(recording: Recording) -> int:
    """How many there were beyond those that `exits` gives."""
    return max(0, len(life.compute(recording).exits) - MOST)


def _how(exit_: life.Exit) -> str:
    if exit_.signal is not None:
        return f"signal {exit_.signal}"
    return "its exit code is not known" if exit_.code is None else f"exit code {exit_.code}"


def notes(recording: Recording) -> tuple[str, ...]:
    """Remarks, each once, with how often it was made."""
    said = Counter(_note(each) for each in recording.events if each.kind == "note" and each.data.get("text"))
    return tuple(text if count == 1 else f"{text} ({count} times)" for text, count in said.items())


def _note(event: Event) -> str:
    text = str(event.data["text"])
    return f"{event.service}: {text}" if event.service and event.service not in text else text


def why_no_stacks(recording: Recording) -> str:
    """The reason there is no flame graph, as far as the run tells."""
    said = [each for each in notes(recording) if "slow-down" not in each]
    if recording.phase("stacks") is None:
        return "the run had no time for it (--no-stacks, or it was cut short)"
    return "; ".join(said) or "no Python or Node process was there to read"


def why_no_proof(recording: Recording) -> str:
    """The reason there was no slow-down experiment, as far as the run tells."""
    said = [each for each in notes(recording) if "slow-down" in each]
    if said:
        return "; ".join(said)
    if recording.phase("proof") is None:
        return "the run had no time for it (--no-prove, or it was cut short)"
    return "too few of its windows were undisturbed to compare"
