"""Everything that belongs to a run: its processes with their descendants and daemons; and ending them.

Signals go through pidfds only: each process is opened, looked at again, and only then told.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from loadlab.clock import Clock
from loadlab.services import _guard
from loadlab.services._guard import Process

PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37


@contextmanager
def adopting() -> Iterator[None]:
    """While the body runs, orphans of this process's descendants become its own children, not init's: a daemon stays
    within reach, and can be reaped."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = ctypes.c_int(0)
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


@dataclass
class Kin:
    """The processes of one run. roots: those that loadlab started itself, by pid and start."""

    marks: tuple[bytes, ...]
    roots: set[tuple[int, int]] = field(default_factory=set)
    """Grown by whoever starts something while others look: iterate over a copy."""
    spared: frozenset[int] = field(default_factory=lambda: frozenset({0, 1, os.getpid()}))
    direct: set[int] = field(default_factory=set)
    """Children that somebody waits for, who needs to be told how they ended."""
    known: dict[int, int] = field(default_factory=dict)
    """pid -> start of every process ever seen to be ours: a zombie of these may be reaped."""

    def all(self) -> list[Process]:
        """Everything alive."""
        return self._seen(_guard.family(self.marks, set(self.roots), spared=self.spared))

    def of(self, marks: tuple[bytes, ...], roots: Iterable[tuple[int, int]]) -> list[Process]:
        """Those of one instance."""
        return self._seen(_guard.family(marks, set(roots), spared=self.spared))

    def root(self, pid: int, start: int) -> None:
        """One more that loadlab started, or took over from a daemon's parent, and waits for."""
        self.direct.add(pid)
        self.roots.add((pid, start))

    def reap(self) -> None:
        """Bury adopted processes that nobody else waits for."""
        if not _any_zombie():
            return
        sessions = {pid for pid, _ in tuple(self.roots)}
        for pid in children(os.getpid()):
            seen = _guard.look(pid)
            if pid in self.direct or seen is None or seen.alive:
                continue
            if seen.session in sessions or self.known.get(pid) == seen.start:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _seen(self, found: list[Process]) -> list[Process]:
        self.known.update((each.pid, each.start) for each in found)
        return found


def _any_zombie() -> bool:
    """One system call, where looking at every process costs a thousand."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def children(pid: int, proc: str = "/proc") -> list[int]:
    """The children of a process, adopted ones and zombies included."""
    return [each.pid for each in _guard.table(proc).values() if each.parent == pid]


def tell(processes: Iterable[Process], number: int) -> None:
    """A signal to each that is still there."""
    for each in processes:
        _guard.send(each, number)


def wait(processes: Sequence[Process], until: float, clock: Clock) -> list[Process]:
    """Until all have ended or the moment has come; returns those left."""
    with _opened(processes) as waiting:
        poll = select.poll()
        for pidfd in waiting:
            poll.register(pidfd, select.POLLIN)
        while waiting and (left_s := until - clock.monotonic()) > 0:
            for pidfd, _ in poll.poll(left_s * 1000):
                poll.unregister(pidfd)
                os.close(pidfd)
                del waiting[pidfd]
        return list(waiting.values())


def end(processes: Iterable[Process], number: int = signal.SIGKILL) -> None:
    """Continue, then kill: a stopped process dies of SIGKILL, too, but of nothing else."""
    held = list(processes)
    tell(held, signal.SIGCONT)
    tell(held, number)


@contextmanager
def _opened(processes: Sequence[Process]) -> Iterator[dict[int, Process]]:
    opened: dict[int, Process] = {}
    try:
        for each in processes:
            with suppress(OSError):
                pidfd = os.pidfd_open(each.pid)
                opened[pidfd] = each
                now = _guard.look(each.pid)
                if now is None or now.key != each.key or not now.alive:
                    os.close(pidfd)
                    del opened[pidfd]
        yield opened
    finally:
        for pidfd in opened:
            os.close(pidfd)
