"""Several arrangements under the same load, side by side: what each step brought, and what it cost. Measure before
scaling: a step is only worth what it brought beyond the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Recording
from loadlab.report.json import rounded
from loadlab.signals import Missing, Signals

FORMAT = 1
WORTH = 1.10
"""Capacity over the rung before, from which on a step is called worth it. Runs of one system differ by several percent
on a shared machine: less than a tenth is not told from chance by one run of each."""


@dataclass(frozen=True)
class Rung:
    """One arrangement. factor: capacity over the first rung's; step: over the one before. Milliseconds are those of the
    measured window, at saturation. cpu_s_per_1000: CPU seconds of all services together for 1,000 answered requests.
    None: not known."""

    name: str
    capacity_rps: float | None
    factor: float | None
    step: float | None
    p50_ms: float | None
    p99_ms: float | None
    cpu_s_per_1000: float | None
    outcome: str
    kind: str | None
    sentence: str
    next_step: str


@dataclass(frozen=True)
class Ladder:
    """The rungs as they were given. same_load False: their profiles differ, so that capacities do not compare."""

    rungs: tuple[Rung, ...]
    same_load: bool

    @property
    def best_step(self) -> Rung | None:
        """The rung that brought most over the one before it; None where none brought enough, or loads differ."""
        worth = [each for each in self.rungs if (each.step or 0.0) >= WORTH]
        return max(worth, key=lambda each: each.step or 0.0) if worth and self.same_load else None


def build(runs: Sequence[tuple[Recording, Diagnosis]]) -> Ladder:
    """One rung for each run, in their order."""
    capacities = [each.capacity.requests_per_s if each.capacity else None for _, each in runs]
    rungs = tuple(
        _rung(recording, diagnosis, _ratio(mine, capacities[0]), _ratio(mine, before))
        for (recording, diagnosis), mine, before in zip(runs, capacities, [None, *capacities], strict=False)
    )
    first = runs[0][0].meta.profile if runs else None
    return Ladder(rungs, all(recording.meta.profile == first for recording, _ in runs))


def render(ladder: Ladder) -> str:
    """As JSON."""
    best = ladder.best_step
    document = {
        "format": FORMAT,
        "same_load": ladder.same_load,
        "best_step": best.name if best else None,
        "rungs": [asdict(each) for each in ladder.rungs],
    }
    return json.dumps(rounded(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rung(recording: Recording, diagnosis: Diagnosis, factor: float | None, step: float | None) -> Rung:
    capacity = diagnosis.capacity
    return Rung(
        name=recording.meta.name,
        capacity_rps=capacity.requests_per_s if capacity else None,
        factor=factor,
        step=step,
        p50_ms=capacity.p50_ms if capacity else None,
        p99_ms=capacity.p99_ms if capacity else None,
        cpu_s_per_1000=_cost(recording, capacity.steady_rps if capacity else None),
        outcome=diagnosis.outcome,
        kind=diagnosis.bottleneck.kind if diagnosis.bottleneck else None,
        sentence=diagnosis.sentence,
        next_step=diagnosis.next_step,
    )


def _cost(recording: Recording, rps: float | None) -> float | None:
    """Cores over requests a second of the same window: the law of utilisation, demand = U / X."""
    try:
        return Signals(recording).cpu.system_cores / rps * 1000 if rps else None
    except Missing:
        return None


def _ratio(mine: float | None, other: float | None) -> float | None:
    return mine / other if mine is not None and other else None
