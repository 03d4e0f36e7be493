"""Processes: CPU, memory, threads, files, switches, faults

What: every process of every service, children included, from /proc twice a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._proc_text import TICK_S, bits, count, parse_allowed, parse_schedstat, parse_switches, soft_limit
from loadlab.probes._tree import Member, Tree, read, stat_fields
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "process"
INTERVAL_S = 0.5
METRICS = (
    Metric("cpu_user_s", "s", "counter", "CPU time in user mode"),
    Metric("cpu_system_s", "s", "counter", "CPU time in the kernel"),
    Metric("run_delay_s", "s", "counter", "time its threads were ready but not running"),
    Metric("rss_bytes", "bytes", "gauge", "resident memory"),
    Metric("threads", "1", "gauge", "threads"),
    Metric("fds", "1", "gauge", "open file descriptors"),
    Metric("fd_limit", "1", "gauge", "soft limit of open files"),
    Metric("voluntary_switches", "1", "counter", "context switches because a thread had to wait"),
    Metric("involuntary_switches", "1", "counter", "context switches because a thread's time was up"),
    Metric("minor_faults", "1", "counter", "page faults without the disk"),
    Metric("major_faults", "1", "counter", "page faults that read from the disk"),
    Metric("ended_user_s", "s", "counter", "CPU time in user mode of children that ended and were waited for"),
    Metric("ended_system_s", "s", "counter", "CPU time in the kernel of children that ended and were waited for"),
    Metric("allowed_cores", "1", "gauge", "cores that its threads may run on (taskset, a cpuset)"),
    Metric("first_core", "1", "gauge", "the lowest number of these"),
)
PAGE = os.sysconf("SC_PAGE_SIZE")


class Processes:
    """The open probe. Sums over threads never fall: what an ended thread had is kept."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._tree = Tree(targets, proc)
        self._proc = str(proc)
        self._names: dict[tuple[int, int, str], str] = {}
        self._seen: dict[int, dict[str, tuple[float, int, int]]] = {}
        self._ended: dict[int, tuple[float, int, int]] = {}
        self._allowed: dict[int, int] = {}

    def read(self, t: float) -> Iterable[Row]:
        """One row a process."""
        members = self._tree.members(t)
        alive = {each.pid for each in members}
        for memory in (self._seen, self._ended, self._allowed):
            for pid in [each for each in memory if each not in alive]:
                del memory[pid]
        return [row for row in map(self._row, members) if row is not None]

    def close(self) -> None:
        """Nothing is kept open."""

    def _row(self, member: Member) -> Row | None:
        folder = f"{self._proc}/{member.pid}"
        fields = stat_fields(read(f"{folder}/stat"))
        if len(fields) < 22 or fields[0] == b"Z":
            return None
        delay, voluntary, involuntary = self._threads(member.pid)
        entity = Entity("process", member.target.service, member.target.instance, member.pid, 0, self._name(member))
        return entity, (
            int(fields[11]) * TICK_S,
            int(fields[12]) * TICK_S,
            delay,
            float(int(fields[21]) * PAGE),
            float(fields[17]),
            count(f"{folder}/fd"),
            soft_limit(read(f"{folder}/limits")),
            float(voluntary),
            float(involuntary),
            float(fields[7]),
            float(fields[9]),
            int(fields[13]) * TICK_S,
            int(fields[14]) * TICK_S,
            *bits(self._allowed.get(member.pid, 0)),
        )

    def _name(self, member: Member) -> str:
        # Before a process is its service's it is loadlab's, and still the program that will start the service's.
        key = (member.pid, member.started_ticks, member.target.service)
        if key not in self._names:
            text = read(f"{self._proc}/{member.pid}/cmdline", 400).replace(b"\0", b" ").decode("utf-8", "replace")
            self._names[key] = text.strip()[:120]
        return self._names[key]

    def _threads(self, pid: int) -> tuple[float, int, int]:
        """Run delay and switches over all threads the process ever had; on the way, what cores they may run on."""
        folder = f"{self._proc}/{pid}/task"
        before = self._seen.get(pid, {})
        now: dict[str, tuple[float, int, int]] = {}
        allowed = 0
        try:
            names = os.listdir(folder)
        except OSError:
            names = []
        for name in names:
            delay = parse_schedstat(read(f"{folder}/{name}/schedstat"))
            status = read(f"{folder}/{name}/status")
            now[name] = (delay[1] if delay else 0.0, *parse_switches(status))
            allowed |= parse_allowed(status)
        kept = self._ended.get(pid, (0.0, 0, 0))
        for name, each in before.items():
            if name not in now:
                kept = (kept[0] + each[0], kept[1] + each[1], kept[2] + each[2])
        self._ended[pid], self._seen[pid], self._allowed[pid] = kept, now, allowed
        return (
            kept[0] + sum(each[0] for each in now.values()),
            kept[1] + sum(each[1] for each in now.values()),
            kept[2] + sum(each[2] for each in now.values()),
        )


def open(targets: Targets, proc: Path = Path("/proc")) -> Processes:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Processes(targets, proc)
