"""Cores: each core's busy, idle and stolen time

What: one row a core, so that one full core among idle ones shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._proc_text import TICK_S, text
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "core"
INTERVAL_S = 1.0
METRICS = (
    Metric("busy_s", "s", "counter", "time spent on tasks and interrupts"),
    Metric("idle_s", "s", "counter", "time idle, or idle but for a disk"),
    Metric("steal_s", "s", "counter", "time the hypervisor gave to others"),
)


class Cores:
    """The open probe."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc

    def read(self, _t: float) -> Iterable[Row]:
        """One row a core."""
        return parse(text(self._proc / "stat"))

    def close(self) -> None:
        """Nothing is kept open."""


def open(_targets: Targets, proc: Path = Path("/proc")) -> Cores:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Cores(proc)


def parse(stat: str) -> list[Row]:
    """The cpuN lines of /proc/stat."""
    found: list[Row] = []
    for line in stat.splitlines():
        name, *values = line.split() or [""]
        if name.startswith("cpu") and name != "cpu" and len(values) >= 8:
            user, nice, system, idle, iowait, irq, softirq, steal = (int(each) * TICK_S for each in values[:8])
            entity = Entity("core", name=name)
            found.append((entity, (user + nice + system + irq + softirq, idle + iowait, steal)))
    return found
