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


def reads(s: Signals, station: Station) -> bool:
    """Whether a process is full of CPU work, takes no requests, and reads from a pipe."""
    serves = station.thread is not None and station.thread.serves
    return station.on_one_core and not serves and station.entity.pid in s.pipes.readers


def writers(s: Signals, name: str) -> list[Station]:
    """Processes of a service that stand still for another one of it, which reads what they write and has no time
    left. Whatever they would do to stand nowhere, that one goes no faster."""
    stations = s.stations.of(name)
    if not any(reads(s, each) for each in stations):
        return []
    return [each for each in stations if not reads(s, each) and s.pipes.feeds(s.threads, each.thread)]


def stood(s: Signals, name: str) -> list[Evidence]:
    """How much of their time they did."""
    shares = [each.thread.blocked for each in writers(s, name) if each.thread is not None]
    if not shares:
        return []
    says = f"it reads a pipe that is full: whoever writes into it stood {percent(max(shares))} of the time"
    return [Evidence("full_pipe", max(shares), says)]


def full(waits: Iterable[Wait]) -> bool:
    """Whether that is what the threads of these waits mostly do."""
    top = max(waits, key=lambda one: one.share, default=None)
    return top is not None and top.peer == FULL_PIPE and top.share >= MOSTLY
