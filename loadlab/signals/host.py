"""The machine in the measured window: who used its cores, and what was taken from it."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import cpu, ended
from loadlab.signals.missing import Missing
from loadlab.signals.rates import per_second
from loadlab.signals.windows import Window, measured

STOLEN = 0.10
"""Share of all cores' time from which on CPU times say little of another minute. Five per cent is common on shared
machines and stays within the noise of throughput."""

BUSY = ("cpu_user_s", "cpu_nice_s", "cpu_system_s", "cpu_irq_s", "cpu_softirq_s")


@dataclass(frozen=True)
class Host:
    """All figures in cores (CPU seconds per second), but for `psi_cpu`, the share of time somebody waited for a
    core."""

    cores: int
    busy: float
    idle: float
    iowait: float
    steal: float
    others: float
    """Used by processes that are neither services nor loadlab, nor were started by one; kernel threads included."""
    psi_cpu: float | None
    psi_memory: float | None

    @property
    def idle_share(self) -> float:
        """Idle and waiting for disks, over all cores."""
        return (self.idle + self.iowait) / self.cores if self.cores else 0.0

    @property
    def steal_share(self) -> float:
        """Taken by the hypervisor, over all cores."""
        return self.steal / self.cores if self.cores else 0.0


def compute(recording: Recording) -> Host:
    """Raises Missing where the host was not sampled."""
    window = measured(recording)
    if not recording.series("host.cpu_idle_s"):
        raise Missing("the host's CPU times were not sampled")
    busy = sum(_one(recording, name, window) or 0.0 for name in BUSY)
    watched = sum(each.cores for each in cpu.processes(recording, window))
    watched += sum(each.cores for each in ended.compute(recording, window).values())
    # Softirq time belongs to nobody in particular: network traffic of the run itself, so it is not a neighbour's.
    softirq = (_one(recording, "cpu_softirq_s", window) or 0.0) + (_one(recording, "cpu_irq_s", window) or 0.0)
    return Host(
        cores=int(recording.meta.machine.get("cores") or 1),
        busy=busy,
        idle=_one(recording, "cpu_idle_s", window) or 0.0,
        iowait=_one(recording, "cpu_iowait_s", window) or 0.0,
        steal=_one(recording, "cpu_steal_s", window) or 0.0,
        others=max(0.0, busy - softirq - watched),
        psi_cpu=_one(recording, "psi_cpu_some_s", window),
        psi_memory=_one(recording, "psi_memory_some_s", window),
    )


def _one(recording: Recording, name: str, window: Window) -> float | None:
    found = recording.series(f"host.{name}")
    return per_second(found[0], window) if found and len(found[0].t) > 1 else None
