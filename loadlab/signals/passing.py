"""Threads that come and go, as those of a server that starts one for each request: put end to end they are as many
threads as there were at a time, each with its share of what all of them did.

So whoever asks what threads do (a lock they stand at, an interpreter they share) need not know how long one lives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from loadlab.recording.model import Entity, Recording
from loadlab.signals.rates import increase, total
from loadlab.signals.windows import Window

ONE = 0
"""The thread number of the row in which a recording has them all (probes/_passing.py)."""


def at_a_time(recording: Recording, window: Window, row: Entity) -> float:
    """How many there were, mean."""
    looks, alive = (
        sum(increase(each, window) for each in recording.series(f"threads.{name}") if each.entity == row)
        for name in ("looks", "alive")
    )
    return alive / looks if looks else 0.0


def cores(recording: Recording, window: Window, row: Entity, others: Iterable[float]) -> float:
    """What their process used, less what its other threads did: none of them lives long enough to be asked."""
    used = total(
        (
            each
            for name in ("process.cpu_user_s", "process.cpu_system_s")
            for each in recording.series(name, service=row.service, pid=row.pid)
        ),
        window,
    )
    return max(0.0, used - sum(others))


def numbered(row: Entity, count: float) -> list[Entity]:
    """A thread for each that there was at a time; they have no numbers of the kernel's, so theirs are below zero."""
    return [replace(row, tid=-number) for number in range(1, round(count) + 1)]
