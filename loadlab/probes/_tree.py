"""Which process belongs to which target, asked once for all probes of a tick.

A process belongs to its nearest ancestor that is a target. One that became a daemon lost its ancestors; it is found by
the marker that every process started for a service inherits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadlab.services import Target, Targets

MARKER, RUN = b"LOADLAB_INSTANCE=", b"LOADLAB_RUN="
"""Environment variables with "service/instance" and the run's mark, set by services/_start for every process."""


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a target."""

    target: Target
    pid: int
    started_ticks: int


class Tree:
    """Members of all targets. Two calls within `fresh_s` give the same answer."""

    def __init__(self, targets: Targets, proc: Path = Path("/proc"), fresh_s: float = 0.05) -> None:
        self._targets = targets
        self._proc = str(proc)
        self._fresh_s = fresh_s
        self._at = float("-inf")
        self._members: tuple[Member, ...] = ()
        self._marks: dict[tuple[int, int], str] = {}
        self._runs: set[bytes] = set()
        """Marks of the run that the targets are of: one, as a rule. None where they overwrote their environment."""

    def members(self, t: float) -> tuple[Member, ...]:
        """Every process of every target at t (seconds since the run's start)."""
        if not self._at <= t <= self._at + self._fresh_s:
            self._members = self._scan()
            self._at = t
        return self._members

    def _scan(self) -> tuple[Member, ...]:
        roots = {each.pid: each for each in self._targets.now()}
        by_mark = {f"{each.service}/{each.instance}": each for each in roots.values()}
        parents = dict(self._parents())
        if not self._runs:
            ours = [each.pid for each in roots.values() if not each.attached]
            self._runs = {run_of(read(f"{self._proc}/{pid}/environ")) for pid in ours} - {b""}
        self._marks = {key: mark for key, mark in self._marks.items() if key[0] in parents}
        found = []
        for pid, (_, started) in parents.items():
            target = self._owner(pid, roots, parents, by_mark)
            if target is not None:
                found.append(Member(target, pid, started))
        return tuple(sorted(found, key=lambda each: each.pid))

    def _parents(self) -> Iterable[tuple[int, tuple[int, int]]]:
        for name in os.listdir(self._proc):
            if name.isdigit():
                fields = stat_fields(read(f"{self._proc}/{name}/stat"))
                if fields:
                    yield int(name), (int(fields[1]), int(fields[19]))

    def _owner(
        self,
        pid: int,
        roots: dict[int, Target],
        parents: dict[int, tuple[int, int]],
        by_mark: dict[str, Target],
    ) -> Target | None:
        here, steps = pid, 0
        while here in parents and steps < 64:
            target = roots.get(here)
            if target is not None:
                if target.service != "loadlab" or here == pid:
                    return target
                # A child of loadlab that is no target: a helper of its own, or a service's daemon.
                return by_mark.get(self._mark(pid, parents[pid][1]), target)
            here, steps = parents[here][0], steps + 1
        return by_mark.get(self._mark(pid, parents[pid][1])) if steps and here <= 1 else None

    def _mark(self, pid: int, started: int) -> str:
        key = (pid, started)
        if key not in self._marks:
            environ = read(f"{self._proc}/{pid}/environ")
            # Another loadlab on this machine may run a service of the same name.
            strange = bool(self._runs) and run_of(environ) not in self._runs
            self._marks[key] = "" if strange else mark_of(environ)
        return self._marks[key]


def run_of(environ: bytes) -> bytes:
    """The mark of the run that a process was started for; b"" where it has none."""
    return next((each[len(RUN) :] for each in environ.split(b"\0") if each.startswith(RUN)), b"")


def mark_of(environ: bytes) -> str:
    """ "service/instance" from a process's environment; "" where it has none."""
    for part in environ.split(b"\0"):
        if part.startswith(MARKER):
            return part[len(MARKER) :].decode("utf-8", "replace")
    return ""


def stat_fields(raw: bytes) -> list[bytes]:
    """The fields of /proc/PID/stat after the command's name: [0] is the state, [1] the parent. The name may hold
    spaces and brackets, so its end is the last one. Empty where the process is gone."""
    end = raw.rfind(b")")
    return raw[end + 2 :].split() if end >= 0 else []


def mapped(pid: int) -> bytes:
    """What a process has mapped, as /proc says: longer than what one read returns. b"" where it may not be seen."""
    try:
        return Path(f"/proc/{pid}/maps").read_bytes()
    except OSError:
        return b""


def read(path: str, size: int = 65_536) -> bytes:
    """A file of /proc, as much of it as one read returns; b"" where it is gone or not permitted."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
