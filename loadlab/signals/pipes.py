"""Who reads pipes. A process that was ever found stopped in a read of an empty pipe, at whatever load, reads one: while
more is written than it can take, as in the measured window, it never stands there."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import FULL_PIPE, PIPE, Recording
from loadlab.signals._once import once
from loadlab.signals.threads import EVER_IDLE, Threads, ThreadState

MOSTLY = 0.5
"""Share of the time a thread stands in calls in which it waits for a pipe's reader, from which on that is what it
stands for."""


@dataclass(frozen=True)
class Pipes:
    """readers: pids that read from a pipe."""

    readers: frozenset[int]

    def feeds(self, states: Threads, thread: ThreadState | None) -> bool:
        """Whether a thread stands still for whoever reads what it writes."""
        if thread is None or thread.blocked <= 0:
            return False
        full = sum(each.share for each in states.peers(thread.entity) if each.peer == FULL_PIPE)
        return full >= MOSTLY * thread.blocked


@once
def compute(recording: Recording) -> Pipes:
    """Empty where waits were not sampled."""
    looks: dict[int, float] = {}
    for each in recording.series("waits.samples"):
        if each.entity.name == PIPE and len(each.v):
            looks[each.entity.pid] = looks.get(each.entity.pid, 0.0) + float(each.v[-1])
    return Pipes(frozenset(pid for pid, count in looks.items() if count >= EVER_IDLE))
