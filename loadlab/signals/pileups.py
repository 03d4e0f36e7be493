"""Services behind the first one in which requests pile up: with twice the users as many calls come in each second as
before, and more are under way there. Whoever takes longer because it is asked more often gets more calls; whoever is
only handed on what others let through holds no more than before.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Level, Recording
from loadlab.signals.far_ends import far_end
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window, measured

TIMES = 2
"""Users in the measured window for each at the level it is compared with, at least."""

SAME = 1.15
"""Times as many calls a second up to which they are as many: a level of the search lasts a second, in which a hundred
calls that come at random are counted to a tenth."""

MORE = 1.5
"""Times as many requests under way from which on they are more: of twice the users, all but a quarter of the new."""

LOOKS = 2
"""Looks at the connections that a level needs."""


@dataclass(frozen=True)
class PileUp:
    """A service: users, calls a second, and requests under way in it, at a lower level and in the measured window."""

    service: str
    users: tuple[int, int]
    per_s: tuple[float, float]
    inside: tuple[float, float]


def compute(recording: Recording) -> tuple[PileUp, ...]:
    """In order of their names. Empty where the levels do not tell."""
    window = measured(recording)
    here = next((each for each in recording.levels if each.start <= window.start < each.end and each.users), None)
    if here is None:
        return ()
    below = [each for each in recording.levels if each.phase == "search" and 0 < TIMES * each.users <= here.users]
    low = max(below, key=lambda each: each.users, default=None)
    if low is None:
        return ()
    names = sorted({each.name for each in recording.meta.services} - {recording.meta.target})
    found = [_of(recording, name, low, here, window) for name in names]
    return tuple(each for each in found if each is not None)


def _of(recording: Recording, name: str, low: Level, here: Level, window: Window) -> PileUp | None:
    few = Window(low.start, low.end)
    inside = _inside(recording, name, few), _inside(recording, name, window)
    per_s = _per_s(recording, name, few), _per_s(recording, name, window)
    if inside[0] is None or inside[1] is None or per_s[0] <= 0:
        return None
    if per_s[1] > SAME * per_s[0] or inside[1] < MORE * max(inside[0], 1.0):
        return None
    return PileUp(name, (low.users, here.users), per_s, (inside[0], inside[1]))


def _inside(recording: Recording, name: str, window: Window) -> float | None:
    """Mean, all callers together; None where it was hardly looked at."""
    total, looks = 0.0, 0
    for series in recording.series("edges.outstanding"):
        if far_end(series.entity.name)[0] == name and series.entity.service != "loadlab":
            seen = series.between(window.start, window.end)
            looks = max(looks, len(seen.v))
            total += float(seen.v.mean()) if len(seen.v) else 0.0
    return total if looks >= LOOKS else None


def _per_s(recording: Recording, name: str, window: Window) -> float:
    """Calls into it: of segments each way the fewer, as in signals/calls."""
    ways = [
        sum(
            increase(series, window)
            for series in recording.series(f"edges.segments_{way}")
            if far_end(series.entity.name)[0] == name and series.entity.service != "loadlab"
        )
        for way in ("out", "in")
    ]
    return min(ways) / window.length if window.length > 0 else 0.0
