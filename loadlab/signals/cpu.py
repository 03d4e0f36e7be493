"""Cores used and time spent ready but not running, per service, instance and process, in the measured window."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals import ended
from loadlab.signals._once import once
from loadlab.signals.ended import NOTHING, Ended
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean, per_second
from loadlab.signals.windows import Window, measured

OWN = ("generator", "loadlab")
"""Processes of loadlab itself: watched like any other, never blamed as a service."""


@dataclass(frozen=True)
class ProcessCpu:
    """One process. `cores`: CPU seconds per second. `run_delay`: seconds per second ready but not running, over its
    threads."""

    entity: Entity
    cores: float
    user: float
    system: float
    run_delay: float
    threads: float
    switches: float
    """Voluntary and involuntary context switches per second."""


@dataclass(frozen=True)
class ServiceCpu:
    """One service: sums over its processes, those included that lived too briefly to be among them (`ended`)."""

    name: str
    processes: tuple[ProcessCpu, ...]
    ended: Ended = NOTHING

    @property
    def cores(self) -> float:
        """CPU seconds per second."""
        return sum(each.cores for each in self.processes) + self.ended.cores

    @property
    def user(self) -> float:
        """In user mode."""
        return sum(each.user for each in self.processes) + self.ended.user

    @property
    def system(self) -> float:
        """In the kernel."""
        return sum(each.system for each in self.processes) + self.ended.system

    @property
    def run_delay(self) -> float:
        """Seconds per second its threads were ready but not running."""
        return sum(each.run_delay for each in self.processes)

    @property
    def busy(self) -> tuple[ProcessCpu, ...]:
        """Processes that did more than a twentieth of the busiest one's work: masters and helpers left out."""
        top = max((each.cores for each in self.processes), default=0.0)
        return tuple(each for each in self.processes if each.cores > 0.05 * top and each.cores > 0.01)


@dataclass(frozen=True)
class Cpu:
    """All services of the user, and loadlab's own processes."""

    window: Window
    services: dict[str, ServiceCpu] = field(default_factory=dict)
    generator_cores: float = 0.0
    """Of all its processes."""
    observer_cores: float = 0.0
    generator: tuple[ProcessCpu, ...] = ()
    """Its processes, the one with the least time left first: CPU and run delay together."""

    @property
    def system_cores(self) -> float:
        """Cores of all services together."""
        return sum(each.cores for each in self.services.values())


@once
def compute(recording: Recording) -> Cpu:
    """Raises Missing where no process was sampled in the window."""
    window = measured(recording)
    found = processes(recording, window)
    if not found:
        raise Missing("no process was sampled in the measured window")
    by_service: dict[str, list[ProcessCpu]] = defaultdict(list)
    for each in found:
        by_service[each.entity.service].append(each)
    brief = ended.compute(recording, window)
    own = {name: ServiceCpu(name, tuple(by_service.pop(name, [])), brief.get(name, NOTHING)) for name in OWN}
    services = {
        name: ServiceCpu(name, tuple(sorted(each, key=lambda p: -p.cores)), brief.get(name, NOTHING))
        for name, each in sorted(by_service.items())
    }
    generator = sorted(own["generator"].processes, key=lambda each: -(each.cores + each.run_delay))
    return Cpu(window, services, own["generator"].cores, own["loadlab"].cores, tuple(generator))


def processes(recording: Recording, window: Window) -> tuple[ProcessCpu, ...]:
    """Every process seen in the window."""
    columns = {
        name: {each.entity: each for each in recording.series(f"process.{name}")}
        for name in (
            "cpu_user_s",
            "cpu_system_s",
            "run_delay_s",
            "threads",
            "voluntary_switches",
            "involuntary_switches",
        )
    }

    def one(entity: Entity, name: str) -> float:
        series = columns[name].get(entity)
        return per_second(series, window) if series is not None else 0.0

    found = []
    for entity, series in columns["cpu_user_s"].items():
        if not _seen(series, window):
            continue
        user, system = one(entity, "cpu_user_s"), one(entity, "cpu_system_s")
        threads = columns["threads"].get(entity)
        found.append(
            ProcessCpu(
                entity,
                user + system,
                user,
                system,
                one(entity, "run_delay_s"),
                (mean(threads, window) if threads is not None else None) or 1.0,
                one(entity, "voluntary_switches") + one(entity, "involuntary_switches"),
            )
        )
    return tuple(found)


def _seen(series: Series, window: Window) -> bool:
    return len(series.t) > 0 and bool(((series.t >= window.start) & (series.t <= window.end)).any())
