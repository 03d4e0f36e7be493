"""How workers end: the processes that a service forks to run its own program in, and starts again itself.

Only their master is told how they ended, and it often says nothing. Since Linux 6.15 the kernel tells whoever holds a
descriptor of a process as well; on an older one nothing is written down of them.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from loadlab.clock import Clock
from loadlab.services import _guard
from loadlab.services._instance import Instance, Journal

LIVED_S = 0.5
"""Before a process is one of the workers: one that was just forked still looks like its parent."""
LOOKS_S = 0.9
"""Between two looks at who is there."""
TOLD_WITHIN_S = 10.0
"""The kernel knows how a process ended once its parent has asked; some never do."""
MOST = 512
"""Descriptors; a database has a process for each of its connections."""

PIDFD_GET_INFO = 0xC040FF0B
"""_IOWR(0xff, 11, 64 bytes): struct pidfd_info as it was at first."""
EXIT = 1 << 3
INFO = struct.Struct("=QQ11Ii")
"""mask, cgroup, eleven ids, the status as waitpid gives it."""


@dataclass
class Worker:
    """One that is watched. root: pid and start of its instance's process when it was taken in; ended_at: when, by the
    clock; None while it lives."""

    instance: Instance
    root: tuple[int, int]
    pid: int
    since: float
    ended_at: float | None = None
    unasked: bool = False


class Workers:
    """Of one thread. descriptors: to be polled; over() for each that is readable; look() now and then."""

    def __init__(self, journal: Journal, clock: Clock, proc: str = "/proc") -> None:
        self._journal = journal
        self._clock = clock
        self._proc = proc
        self._young: dict[tuple[int, int], float] = {}
        self._held: dict[int, Worker] = {}
        self._looked = float("-inf")

    @property
    def descriptors(self) -> list[int]:
        """Of those that live."""
        return [pidfd for pidfd, each in self._held.items() if each.ended_at is None]

    @property
    def untold(self) -> bool:
        """Whether some have ended of whom nobody has said how."""
        return any(each.ended_at is not None for each in self._held.values())

    def over(self, pidfd: int, *, unasked: bool) -> None:
        """One has ended. unasked: loadlab is not about to stop everything. What an instance that died left behind is
        cleared away before it is started again: that is no crash."""
        worker = self._held[pidfd]
        worker.ended_at = self._clock.monotonic()
        root = worker.instance.child
        worker.unasked = unasked and root is not None and root.key == worker.root and not worker.instance.retiring

    def look(self, instances: Iterable[Instance]) -> None:
        """Writes down the ends that the kernel tells of by now, and takes in who has been there for a while."""
        for pidfd in [pidfd for pidfd, each in self._held.items() if each.ended_at is not None]:
            self._tell(pidfd)
        now = self._clock.monotonic()
        if now < self._looked + LOOKS_S:
            return
        self._looked = now
        known = {each.pid for each in self._held.values()}
        seen: dict[tuple[int, int], float] = {}
        for instance in instances:
            for process in self._forked(instance):
                seen[process.key] = since = self._young.get(process.key, now)
                if process.pid not in known and now >= since + LIVED_S and len(self._held) < MOST:
                    self._hold(instance, process, since)
        self._young = seen

    def close(self) -> None:
        """Give the descriptors back."""
        for pidfd in self._held:
            os.close(pidfd)
        self._held.clear()

    def _forked(self, instance: Instance) -> Iterator[_guard.Process]:
        """Those below the instance that run the program of their own parent: of a shell's command it is another."""
        parents = [instance.child.pid] if instance.child is not None else []
        while parents:
            parent = parents.pop()
            program = _program(parent, self._proc)
            for pid in _children(parent, self._proc):
                parents.append(pid)
                process = _guard.look(pid, self._proc)
                if process is not None and program and program == _program(pid, self._proc):
                    yield process

    def _hold(self, instance: Instance, process: _guard.Process, since: float) -> None:
        root = instance.child
        if root is None:
            return
        with suppress(OSError):
            pidfd = os.pidfd_open(process.pid)
            now = _guard.look(process.pid, self._proc)
            if now is None or now.key != process.key:
                os.close(pidfd)
            else:
                self._held[pidfd] = Worker(instance, root.key, process.pid, since)

    def _tell(self, pidfd: int) -> None:
        worker = self._held[pidfd]
        ended_at = worker.ended_at or 0.0
        code = exit_code(pidfd)
        if code is None and self._clock.monotonic() < ended_at + TOLD_WITHIN_S:
            return
        os.close(pidfd)
        del self._held[pidfd]
        if code is not None and worker.unasked:
            plan = worker.instance.plan
            self._journal.event(
                "worker_exited",
                plan.service,
                plan.instance,
                worker.pid,
                code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                lived_s=round(ended_at - worker.since, 3),
            )


def exit_code(pidfd: int) -> int | None:
    """Of a process that has ended, as Python gives it: negative for a signal. None where the kernel does not tell, or
    not yet."""
    answer = bytearray(INFO.pack(EXIT, 0, *[0] * 11, 0))
    try:
        fcntl.ioctl(pidfd, PIDFD_GET_INFO, answer)
    except OSError:
        return None
    mask, *_, status = INFO.unpack(answer)
    return os.waitstatus_to_exitcode(status) if mask & EXIT else None


def _children(pid: int, proc: str) -> list[int]:
    """Of all its threads."""
    try:
        threads = os.listdir(f"{proc}/{pid}/task")
    except OSError:
        return []
    return [int(each) for tid in threads for each in _guard.content(f"{proc}/{pid}/task/{tid}/children").split()]


def _program(pid: int, proc: str) -> str:
    """The file that it runs; "" where it is gone or not ours to see."""
    try:
        return os.readlink(f"{proc}/{pid}/exe")
    except OSError:
        return ""
