"""The far ends of connections: whose they are, and whether they have read what was sent to them."""

from __future__ import annotations

import numpy as np

from loadlab.recording.model import Recording, Series
from loadlab.signals.windows import Window


def far_end(name: str) -> tuple[str, int | None]:
    """ "db/0" is instance 0 of db; "10.0.0.1:5432" is an address."""
    service, slash, instance = name.rpartition("/")
    if slash and instance.isdigit():
        return service, int(instance)
    return name, None


def unread(recording: Recording, window: Window) -> dict[tuple[str, str, int | None], float | None]:
    """By who asks, whom, and its instance: share of the looks at which not all that was sent had been read; None where
    there were no looks."""
    return {
        (series.entity.service, *far_end(series.entity.name)): _unread(series, window)
        for series in recording.series("edges.unread_bytes")
    }


def _unread(series: Series, window: Window) -> float | None:
    seen = series.between(window.start, window.end).v
    seen = seen[~np.isnan(seen)]
    return float((seen > 0).mean()) if len(seen) else None


def left_unread(recording: Recording, window: Window) -> dict[str, float]:
    """The same by who is asked; of several callers the most. loadlab's own looks inside are none of them."""
    found: dict[str, float] = {}
    for (source, to, _), share in unread(recording, window).items():
        if share is not None and source not in ("loadlab", to):
            found[to] = max(share, found.get(to, 0.0))
    return found
