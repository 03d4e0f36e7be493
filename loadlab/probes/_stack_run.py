"""What a profiler of any language hands over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadlab.clock import Clock
from loadlab.probes._tree import Member
from loadlab.services import Target


@dataclass(frozen=True)
class Alive:
    """What a process's own collector left alive when asked to collect twice, in bytes, so many seconds apart."""

    pid: int
    seconds: float
    before: int
    after: int


@dataclass(frozen=True)
class StackRun:
    """One look at one process tree: folded text by pid, or the reason why there is none. mode: see
    recording.model.Stacks."""

    target: Target
    mode: str
    by_pid: dict[int, str]
    error: str = ""
    alive: Alive | None = None
    subject: str = "stacks"
    """What the reason is about: "native" where only lines of a compiled program are wanting, not who waits for whom."""


Source = Callable[[Sequence[Member], float, Clock, threading.Event], list[StackRun]]
"""Looks at those of these processes that it can read, for so many seconds and a short while more at most; ends at once
when the event is set."""


def wait_until(done: Callable[[], bool], within_s: float, again_s: float, clock: Clock, stop: threading.Event) -> bool:
    """Whether it was done in time; asks again and again. Ends when the event is set."""
    until = clock.monotonic() + within_s
    while not (over := done()) and clock.monotonic() < until and not stop.wait(again_s):
        pass
    return over
