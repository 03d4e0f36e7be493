"""What the open model was asked for: its levels, or of a recording without them the profile's rate."""

from __future__ import annotations

from loadlab.recording.model import Recording
from loadlab.signals.windows import Window


def rate(recording: Recording, window: Window) -> float | None:
    """Arrivals per second over a window, mean of the levels in it by their time; None in the closed model."""
    profile = recording.meta.profile
    if profile.get("model") != "open":
        return None
    inside = [
        (min(each.end, window.end) - max(each.start, window.start), each.rate)
        for each in recording.levels
        if each.rate > 0 and each.start < window.end and each.end > window.start
    ]
    seconds = sum(each[0] for each in inside)
    if seconds > 0:
        return sum(length * asked for length, asked in inside) / seconds
    return float(profile["rate"]) if profile.get("rate") else None
