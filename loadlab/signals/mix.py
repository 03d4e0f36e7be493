"""What was asked in two stretches of a run, by endpoint: figures of one may be held against the other's only where that
was the same. With several kinds of users the first of them is one kind, and of many tasks the first second sees few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from loadlab.recording.model import Recording
from loadlab.signals.windows import Window

APART = 0.3
"""Share of requests that would have to be of another endpoint for both to be alike. Of 40 requests that are drawn from
ten endpoints a fifth is, by chance."""


def alike(recording: Recording, some: Sequence[Window], others: Sequence[Window]) -> bool:
    """Whether the same was asked in both; so where nothing was."""
    first, second = _shares(recording, some), _shares(recording, others)
    if not first or not second:
        return True
    return sum(abs(first.get(name, 0.0) - second.get(name, 0.0)) for name in {*first, *second}) / 2 <= APART


def _shares(recording: Recording, windows: Sequence[Window]) -> dict[str, float]:
    """By the middle of each interval of requests."""
    found: dict[str, float] = defaultdict(float)
    for each in recording.requests:
        if any(window.start <= (each.start + each.end) / 2 <= window.end for window in windows):
            found[each.endpoint] += each.count
    total = sum(found.values())
    return {name: count / total for name, count in found.items()} if total else {}
