"""Whether a request costs a service the more CPU the more were answered before: a list that each adds to and each
goes through, listeners that nobody removes, a table without bound.

At one level of users a request costs the same from second to second; with more users it costs less (loops take
several events when they are woken). So what rises through the window, and far above what it was with the first users,
rises with what was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.recording.model import Recording, Series
from loadlab.signals import mix
from loadlab.signals.latency import counts
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window, measured

PARTS = 3
"""Of the window: the second and the third have to cost more than the first."""

RISE = 1.1
"""Cost in the window's last part over that in its first. Neighbours and caches move it by up to 1.18: OVERALL tells
that it rises, and this that it still does."""

OVERALL = 2.0
"""Cost in the last part over that at first. Of 60 services whose requests cost the same all the time it was 1.3 at
most, on full machines; of one with listeners that nobody removed it was 5."""

SLOWER = 0.9
"""Throughput of the last part over that of the first, up to which it fell: cost that rises at the same throughput is a
collector that runs late, or the price of another service's call."""

ANSWERS = 100
"""In each part, and at first: a request's cost from fewer is that of timers."""


@dataclass(frozen=True)
class Growth:
    """One service whose requests get dearer: CPU ms of one at first, and at the beginning and end of the window."""

    service: str
    first_ms: float
    begin_ms: float
    end_ms: float

    @property
    def says(self) -> str:
        """In words."""
        return (
            f"a request cost it {self.first_ms:.2g} ms of CPU at first, {self.begin_ms:.2g} ms when measuring began "
            f"and {self.end_ms:.2g} ms when it ended"
        )


def compute(recording: Recording) -> dict[str, Growth]:
    """By service; empty where none does, or too few were answered to tell. Raises Missing without a window."""
    window = measured(recording)
    parts = _parts(window)
    early = _early(recording, window)
    if early is None or window.phase != "steady":
        return {}
    answered = [counts(recording, each)[0] for each in (early, *parts)]
    if min(answered) < ANSWERS or answered[-1] > SLOWER * answered[1] or not mix.alike(recording, [early], [window]):
        return {}
    found = {}
    for meta in recording.meta.services:
        mine = _cpu(recording, meta.name)
        first, *costs = (
            1000 * sum(increase(each, part) for each in mine) / count
            for part, count in zip((early, *parts), answered, strict=True)
        )
        rises = min(costs[1:]) > costs[0]
        if first > 0 and rises and costs[-1] >= RISE * costs[0] and costs[-1] >= OVERALL * first:
            found[meta.name] = Growth(meta.name, first, costs[0], costs[-1])
    return found


def _parts(window: Window) -> Sequence[Window]:
    step = window.length / PARTS
    return [Window(window.start + step * each, window.start + step * (each + 1)) for each in range(PARTS)]


def _early(recording: Recording, window: Window) -> Window | None:
    """The first level with answers enough."""
    for each in sorted(recording.levels, key=lambda level: level.start):
        level = Window(each.start, each.end, each.phase)
        if each.end <= window.start and counts(recording, level)[0] >= ANSWERS:
            return level
    return None


def _cpu(recording: Recording, service: str) -> list[Series]:
    names = ("process.cpu_user_s", "process.cpu_system_s", "process.ended_user_s", "process.ended_system_s")
    return [each for name in names for each in recording.series(name) if each.entity.service == service]
