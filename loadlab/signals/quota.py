"""CPU quotas of control groups: how much was allowed, used, and how often the kernel stopped the group."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals import cpu
from loadlab.signals.rates import increase, mean, per_second
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Quota:
    """One instance with a quota. cores: allowed; used: CPU seconds per second; throttled: share of periods in which it
    was stopped; throttled_s: seconds stopped per second."""

    entity: Entity
    cores: float
    used: float
    throttled: float
    throttled_s: float


USED_UP = 0.85
"""Share of a quota from which on it is used up: a group that is stopped in every period may still end some early."""


@dataclass(frozen=True)
class Quotas:
    """Every instance that has one; empty where none has."""

    all: tuple[Quota, ...]

    def used_up(self, service: str, instance: int) -> bool:
        """Whether an instance has all that it is allowed."""
        mine = (each for each in self.all if (each.entity.service, each.entity.instance) == (service, instance))
        return any(each.used >= USED_UP * each.cores for each in mine)


def compute(recording: Recording) -> Quotas:
    """No Missing: a system without control groups has no quota."""
    window = measured(recording)
    found = []
    for series in recording.series("cgroup.quota_cores"):
        cores = mean(series, window)
        if cores is None or cores <= 0:
            continue
        periods = _column(recording, series.entity, "periods", window)
        throttled = _column(recording, series.entity, "throttled_periods", window)
        # cgroup v1 counts usage in another hierarchy, which need not hold the group: then its processes tell.
        usage = _rate(recording, series.entity, "usage_s", window) or _processes(recording, series.entity, window)
        stopped = _rate(recording, series.entity, "throttled_s", window)
        found.append(Quota(series.entity, cores, usage, throttled / periods if periods else 0.0, stopped))
    return Quotas(tuple(found))


def _processes(recording: Recording, entity: Entity, window: Window) -> float:
    mine = (each for each in cpu.processes(recording, window) if each.entity.service == entity.service)
    return sum(each.cores for each in mine if each.entity.instance == entity.instance)


def _of(recording: Recording, entity: Entity, name: str) -> Series | None:
    return next((each for each in recording.series(f"cgroup.{name}") if each.entity == entity), None)


def _column(recording: Recording, entity: Entity, name: str, window: Window) -> float:
    series = _of(recording, entity, name)
    return increase(series, window) if series is not None else 0.0


def _rate(recording: Recording, entity: Entity, name: str, window: Window) -> float:
    series = _of(recording, entity, name)
    return per_second(series, window) if series is not None else 0.0
