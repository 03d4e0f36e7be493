"""Processes that may not run on every core (taskset, a cpuset), and what they use of those they have."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Entity, Recording
from loadlab.signals import cpu
from loadlab.signals.rates import mean


@dataclass(frozen=True)
class Pinned:
    """All watched processes that are kept to the same cores. used: CPU seconds per second of these processes; waiting:
    of their threads, ready but not running."""

    cores: int
    first: int
    used: float
    waiting: float
    by_service: dict[str, float]
    """CPU seconds per second."""
    busiest: Entity

    @property
    def services(self) -> tuple[str, ...]:
        """Who is kept there, most of the CPU first."""
        return tuple(sorted(self.by_service, key=lambda each: (-self.by_service[each], each)))


def compute(recording: Recording) -> tuple[Pinned, ...]:
    """Raises Missing where processes were not sampled; nothing where it was not sampled what cores they may use."""
    used = cpu.compute(recording)
    allowed = {each.entity: mean(each, used.window) for each in recording.series("process.allowed_cores")}
    first = {each.entity: mean(each, used.window) for each in recording.series("process.first_core")}
    machine = int(recording.meta.machine.get("cores", 0))
    groups: dict[tuple[int, int], list[cpu.ProcessCpu]] = defaultdict(list)
    for service in used.services.values():
        for each in service.processes:
            cores, lowest = allowed.get(each.entity), first.get(each.entity)
            if cores is not None and lowest is not None and round(cores) < machine:
                groups[(round(cores), round(lowest))].append(each)
    return tuple(_pinned(*key, mine) for key, mine in sorted(groups.items()))


def _pinned(cores: int, first: int, mine: list[cpu.ProcessCpu]) -> Pinned:
    by_service: dict[str, float] = defaultdict(float)
    for each in mine:
        by_service[each.entity.service] += each.cores
    return Pinned(
        cores,
        first,
        sum(each.cores for each in mine),
        sum(each.run_delay for each in mine),
        dict(by_service),
        max(mine, key=lambda each: each.cores).entity,
    )
