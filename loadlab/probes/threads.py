"""Threads: what each one does with its time

What: about a hundred times a second, whether each thread runs, waits for work (in epoll, in accept), or is stopped in a
lock, a sleep, a socket or a file. From these the busy share of any event loop is known without touching it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes import _shared as shared
from loadlab.probes._threadstate import ThreadCount
from loadlab.recording.model import THREAD_STATES, Entity, Metric
from loadlab.services import Targets

ENTITY = "thread"
INTERVAL_S = 1.0
SAYS = {
    "running": "on CPU or ready to run",
    "idle_epoll": "in epoll_wait: an event loop with nothing to do",
    "idle_accept": "in accept, or in poll on a listening socket: a worker with nothing to do",
    "futex": "waiting for a lock, or for work from another thread",
    "sleep": "in nanosleep, or in poll on nothing",
    "socket_wait": "stopped in a call on a connected socket",
    "file_io": "stopped in a call on a file or a pipe, or by a page fault",
    "lock_file": "waiting for a lock on a file",
    "wait_child": "waiting for a child process",
    "other": "stopped in another call",
}
METRICS = (
    Metric("samples", "1", "counter", "looks at this thread, made or known: one that does not run stays in its call"),
    *(Metric(name, "1", "counter", f"looks that found it {SAYS[name]}") for name in THREAD_STATES),
    Metric("cpu_s", "s", "counter", "time on CPU"),
    Metric("run_delay_s", "s", "counter", "time ready but not running"),
    Metric("watches", "1", "gauge", "connections its epoll was first seen to watch: a worker that only listens has 0"),
    Metric("runs", "1", "counter", "times it was put on a CPU: one that never is waits for nothing that happens"),
    Metric("looks", "1", "counter", "of a row for all that come and go in a process: how often these were counted"),
    Metric("alive", "1", "counter", "and how many were there, summed over these counts"),
)


class ThreadStates:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._engine = shared.engine(targets, proc)

    def read(self, t: float) -> Iterable[Row]:
        """One row a thread; one, of number 0, for those of a process that come and go."""
        shared.refresh(self._engine, t)
        self._engine.settle()
        return [self._row(each) for each in self._engine.threads()]

    def close(self) -> None:
        """Ends the sampling."""
        shared.release(self._engine)

    def _row(self, thread: ThreadCount) -> Row:
        target = thread.member.target
        entity = Entity("thread", target.service, target.instance, thread.member.pid, thread.tid, thread.name)
        cpu, delay, runs = thread.times if thread.times is not None else (None, None, None)
        states = (float(thread.states[name]) for name in THREAD_STATES)
        return entity, (float(thread.samples), *states, cpu, delay, thread.watches, runs, thread.looks, thread.alive)


def open(targets: Targets, proc: Path = Path("/proc")) -> ThreadStates:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return ThreadStates(targets, proc)
