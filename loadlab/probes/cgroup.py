"""Control groups: quotas, throttling, memory limits and kills

What: of every target that has a group of its own, made by loadlab or by whoever started it (a container, systemd).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._cgroup_files import memberships, v1_cpu, v1_memory, v2
from loadlab.probes._proc_text import text
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "cgroup"
INTERVAL_S = 0.5
METRICS = (
    Metric("quota_cores", "cores", "gauge", "CPU the group may use"),
    Metric("periods", "1", "counter", "scheduler periods in which it ran"),
    Metric("throttled_periods", "1", "counter", "periods in which it was stopped because its quota was used up"),
    Metric("throttled_s", "s", "counter", "time its threads were stopped for that"),
    Metric("usage_s", "s", "counter", "CPU time used"),
    Metric("memory_limit_bytes", "bytes", "gauge", "memory it may use"),
    Metric("memory_usage_bytes", "bytes", "gauge", "memory it uses, page cache included"),
    Metric("memory_max_events", "1", "counter", "times it ran into its memory limit"),
    Metric("oom_kills", "1", "counter", "processes of it that were killed for memory"),
    Metric("refaulted_pages", "1", "counter", "pages read back that had been thrown out a short time before"),
)
ROOT = Path("/sys/fs/cgroup")


class Cgroups:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path, root: Path = ROOT) -> None:
        self._targets = targets
        self._proc = proc
        self._root = root

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each target that has limits."""
        found = []
        for target in self._targets.now():
            if target.service in ("generator", "loadlab"):
                continue
            values = self._values(target)
            if values.get("quota_cores") is not None or values.get("memory_limit_bytes") is not None:
                entity = Entity("cgroup", target.service, target.instance)
                found.append((entity, tuple(values.get(each.name) for each in METRICS)))
        return found

    def close(self) -> None:
        """Nothing is kept open."""

    def _values(self, target: Target) -> dict[str, float]:
        folders = dict(target.cgroup) or memberships(text(self._proc / str(target.pid) / "cgroup"), self._root)
        if "unified" in folders:
            return v2(folders["unified"])
        return {**v1_cpu(folders), **v1_memory(folders)}


def open(targets: Targets, proc: Path = Path("/proc")) -> Cgroups:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Cgroups(targets, proc)
