"""Several arrangements under the same load, side by side: what each step brought, and what it cost. Measure before
scaling: a step is only worth what it brought beyond the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Recording
from loadlab.report.json import rounded
from loadlab.signals import Missing, Signals, usl
from loadlab.signals.cpu import OWN
from loadlab.signals.rates import mean

FORMAT = 1
WORTH = 1.10
"""Capacity over the rung before, from which on a step is called worth it. Runs of one system differ by several percent
on a shared machine: less than a tenth is not told from chance by one run of each."""

CALM = 0.7
"""Share of a system's capacity at which its latency is compared: a common upper end of what operators plan for, and low
enough that waiting at a single station stays below three times its service time (M/M/1: 1 / (1 - 0.7))."""

KEPT = 0.95
"""Share of the rate asked for that must have been answered for a calm run to count."""

Judged = tuple[Recording, Diagnosis]


@dataclass(frozen=True)
class Calm:
    """Latency at CALM of the capacity, open model. Milliseconds."""

    rps: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Cost:
    """Of all services together in the measured window. cpu_s_per_1000: CPU seconds for 1,000 answered requests;
    memory_mb: resident, pages shared between processes counted in each; mb_per_1000_rps: of it for a throughput of
    1,000 requests/s; processes: those of services with the role app that worked."""

    cpu_s_per_1000: float | None
    memory_mb: float | None
    mb_per_1000_rps: float | None
    processes: int | None


@dataclass(frozen=True)
class Rung:
    """One arrangement. factor: capacity over the first rung's; step: over the one before; efficiency: factor over the
    same ratio of working app processes. p50_ms, p99_ms: at saturation. None: not known. no_usl: why `usl` is None;
    no_calm: why `calm` is None though such a run was made."""

    name: str
    capacity_rps: float | None
    factor: float | None
    step: float | None
    efficiency: float | None
    p50_ms: float | None
    p99_ms: float | None
    calm: Calm | None
    no_calm: str
    cost: Cost
    usl: usl.Usl | None
    no_usl: str
    levels: tuple[tuple[int, float], ...]
    outcome: str
    kind: str | None
    sentence: str
    next_step: str


@dataclass(frozen=True)
class Ladder:
    """The rungs as they were given. same_load False: their profiles differ, so that capacities do not compare."""

    rungs: tuple[Rung, ...]
    same_load: bool
    machine: str

    @property
    def best_step(self) -> Rung | None:
        """The rung that brought most over the one before it; None where none brought enough, or loads differ."""
        worth = [each for each in self.rungs if (each.step or 0.0) >= WORTH]
        return max(worth, key=lambda each: each.step or 0.0) if worth and self.same_load else None

    @property
    def says(self) -> str:
        """The one sentence of the comparison."""
        best = self.best_step
        if not self.same_load:
            return "their loads differ: capacities do not compare; run them with one --profile"
        if best is None:
            return "no step brought a tenth more capacity than the one before it"
        return f"the step to {best.name} was worth most: {best.step:.2f} times the capacity of the one before it"


def build(runs: Sequence[Judged], calm: Sequence[Judged | None] = ()) -> Ladder:
    """One rung for each run, in their order. calm: the run at CALM of the capacity that belongs to each, where one was
    made."""
    found: list[Rung] = []
    for index, (recording, diagnosis) in enumerate(runs):
        beside = calm[index] if index < len(calm) else None
        found.append(_rung(recording, diagnosis, beside, found))
    first = runs[0][0].meta if runs else None
    same = all(each.meta.profile == first.profile for each, _ in runs) if first else True
    return Ladder(tuple(found), same, _machine(first.machine) if first else "")


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


def _rung(recording: Recording, diagnosis: Diagnosis, beside: Judged | None, below: Sequence[Rung]) -> Rung:
    capacity = diagnosis.capacity
    mine = capacity.requests_per_s if capacity else None
    first = below[0] if below else None
    cost = _cost(recording, capacity.steady_rps if capacity else None)
    factor = _ratio(mine, first.capacity_rps if first else mine)
    levels = tuple(sorted((int(each["users"]), float(each["rps"])) for each in diagnosis.signals.get("levels", ())))
    law, why = _usl(levels)
    calm, why_not = _calm(beside)
    return Rung(
        name=recording.meta.name,
        capacity_rps=mine,
        factor=factor,
        step=_ratio(mine, below[-1].capacity_rps if below else None),
        efficiency=_ratio(factor, _ratio(cost.processes, first.cost.processes if first else cost.processes)),
        p50_ms=capacity.p50_ms if capacity else None,
        p99_ms=capacity.p99_ms if capacity else None,
        calm=calm,
        no_calm=why_not,
        cost=cost,
        usl=law,
        no_usl=why,
        levels=levels,
        outcome=diagnosis.outcome,
        kind=diagnosis.bottleneck.kind if diagnosis.bottleneck else None,
        sentence=diagnosis.sentence,
        next_step=diagnosis.next_step,
    )


def _calm(beside: Judged | None) -> tuple[Calm | None, str]:
    """None and why, where such a run did not keep the rate: its latency is that of a queue that grows."""
    if beside is None:
        return None, ""
    asked, capacity = float(beside[0].meta.profile.get("rate") or 0.0), beside[1].capacity
    steady = (capacity.steady_rps or 0.0) if capacity else 0.0
    if capacity is None or capacity.p50_ms is None or capacity.p99_ms is None or steady < KEPT * asked:
        return None, f"{steady:,.0f} of {asked:,.0f} requests/s were answered: a queue grew"
    return Calm(steady, capacity.p50_ms, capacity.p99_ms), ""


def _cost(recording: Recording, rps: float | None) -> Cost:
    """CPU by the law of utilisation, demand = U / X, of the same window."""
    try:
        signals = Signals(recording)
        used, window = signals.cpu, signals.window
    except Missing:
        return Cost(None, None, None, None)
    resident = [
        mean(each, window) or 0.0 for each in recording.series("process.rss_bytes") if each.entity.service not in OWN
    ]
    apps = {each.name for each in recording.meta.services if each.role == "app"}
    processes = sum(len(service.busy) for name, service in used.services.items() if name in apps)
    memory_mb = sum(resident) / 1e6 if resident else None
    return Cost(
        used.system_cores / rps * 1000 if rps else None,
        memory_mb,
        memory_mb / rps * 1000 if memory_mb is not None and rps else None,
        processes or None,
    )


def _usl(levels: Sequence[tuple[int, float]]) -> tuple[usl.Usl | None, str]:
    try:
        return usl.fit(levels), ""
    except Missing as missing:
        return None, str(missing)


def _machine(machine: Any) -> str:
    memory = machine.get("memory_bytes")
    parts = [f"{machine.get('cores')} cores" if machine.get("cores") else "", str(machine.get("cpu_model") or "")]
    parts.append(f"{memory / 1e9:.0f} GB" if memory else "")
    return ", ".join(each for each in parts if each)


def _ratio(mine: float | None, other: float | None) -> float | None:
    return mine / other if mine is not None and other else None
