"""How many requests the load generator has under way."""

from __future__ import annotations

import numpy as np

from loadlab.recording.model import Recording
from loadlab.signals import latency
from loadlab.signals.rates import mean
from loadlab.signals.windows import Window


def in_flight(recording: Recording, window: Window) -> float:
    """Mean. Of users with a client of their own (Locust's HttpUser) the generator hears of a request when it has ended,
    and counts none under way: then as many as the kernel sees an answer due for, or, where that is more, as Little's
    law says. Clocks of the kernel miss some; answers those that take longer than was watched."""
    told = recording.series("generator.in_flight")
    if any(np.nanmax(each.v, initial=0.0) > 0 for each in told):
        return sum(mean(each, window) or 0.0 for each in told)
    due = sum(
        mean(each, window) or 0.0
        for each in recording.series("edges.outstanding")
        if each.entity.service == "generator"
    )
    took = latency.mean_ms(recording, window)
    good, bad, seconds = latency.counts(recording, window)
    return max(due, (good + bad) / seconds * took / 1000 if took is not None and seconds > 0 else 0.0)
