"""A pipe that is full: whoever writes into it waits for whoever reads it. Another thread for the writing waits as well,
and what it has not written yet piles up."""

from __future__ import annotations

from collections.abc import Iterable

from loadlab.recording.model import FULL_PIPE
from loadlab.rules import Evidence, percent
from loadlab.rules._words import whom
from loadlab.signals import Signals
from loadlab.signals.stations import Station
from loadlab.signals.threads import Wait

MOSTLY = 0.5
"""Share of a thread's time in which it waits for the reader, from which on that decides."""

READER = whom(FULL_PIPE)

ADVICE = (
    "Let the reader of the pipe keep up (see what it does with each line), or write less: fewer lines, shorter ones. "
    "A thread and a queue for the writing keep requests going for as long as the queue has room: give it an end, and "
    "drop what is beyond."
)


KEEP_UP = "Let several processes read it, or write less: fewer lines, shorter ones."
"""What else helps a reader that uses up its core."""


STOOD = 0.3
"""Threads of a process that stand in a write to a full pipe, mean, from which on its reader decides. At 0.3 of one
thread's time, its capacity would grow by 1/(1-0.3) = 1.4, as in event_loop_blocked; of several, behind the lock of a
logging handler, it is one after the other."""

COMPUTES = 0.5
"""Cores of a full process from which on it computes for most of its time, and waits for a core for the rest."""

IDLE = 0.15
"""Share of the cores that may be idle on a full machine, as in all_cores."""


def reads(s: Signals, station: Station) -> bool:
    """Whether a process is full of CPU work, takes no requests, and reads from a pipe; on a machine that is full it is
    all_cores."""
    serves = station.thread is not None and station.thread.serves
    if serves or not station.full or station.entity.pid not in s.pipes.readers:
        return False
    return station.on_one_core or (station.thread_cores >= COMPUTES and s.host.idle_share >= IDLE)


def writers(s: Signals, name: str) -> list[Station]:
    """Processes of a service that stand still for another one of it, which reads what they write and has no time
    left. Whatever they would do to stand nowhere, that one goes no faster."""
    stations = s.stations.of(name)
    if not any(reads(s, each) for each in stations):
        return []
    return [each for each in stations if not reads(s, each) and _stands(s, each) >= STOOD]


def _stands(s: Signals, station: Station) -> float:
    threads = s.threads.of(station.entity.service, station.entity.pid)
    return sum(each.share for thread in threads for each in s.threads.peers(thread.entity) if each.peer == FULL_PIPE)


def stood(s: Signals, name: str) -> list[Evidence]:
    """How much of their time they did."""
    most = max((_stands(s, each) for each in writers(s, name)), default=0.0)
    if not most:
        return []
    says = f"it reads a pipe that is full: whoever writes into it stood {percent(min(1.0, most))} of the time"
    return [Evidence("full_pipe", most, says, STOOD)]


def full(waits: Iterable[Wait]) -> bool:
    """Whether that is what the threads of these waits mostly do."""
    top = max(waits, key=lambda one: one.share, default=None)
    return top is not None and top.peer == FULL_PIPE and top.share >= MOSTLY
