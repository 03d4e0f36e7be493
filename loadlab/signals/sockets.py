"""Accept queues: connections the kernel has finished and the application has not yet taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean, peak
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Listener:
    """One listening socket: its longest queue, its limit, and connections established on it (mean). Of the measured
    window: standing: the fewest connections that ever waited, 0.0 where the queue was once empty; held: connections
    that were taken out of it and are open (mean)."""

    entity: Entity
    queue_peak: float
    backlog: float
    established: float
    standing: float = 0.0
    held: float = 0.0

    @property
    def full(self) -> float:
        """Longest queue over its limit. The kernel lets one more in than the limit says."""
        return self.queue_peak / self.backlog if self.backlog else 0.0


@dataclass(frozen=True)
class Sockets:
    """All listeners, and connections the kernel had to drop (whole host, whole run)."""

    listeners: tuple[Listener, ...]
    overflows: float


def compute(recording: Recording) -> Sockets:
    """Raises Missing where sockets were not sampled. Peaks are of the whole run: users that come at once are what fills
    a queue."""
    whole = Window(0.0, max(recording.end, 0.1))
    queues = recording.series("sockets.accept_queue_max")
    if not queues:
        raise Missing("listening sockets were not sampled")
    found = [
        Listener(
            series.entity,
            peak(series, whole) or 0.0,
            _gauge(recording.series("sockets.backlog"), series.entity, whole),
            _gauge(recording.series("sockets.established"), series.entity, whole),
            *_standing(recording, series.entity),
        )
        for series in queues
    ]
    overflows = sum(increase(each, whole) for each in recording.series("host.listen_overflows"))
    return Sockets(tuple(found), overflows)


def _standing(recording: Recording, entity: Entity) -> tuple[float, float]:
    """The fewest that waited in the measured window, and the mean of those that had been taken."""
    window = measured(recording)
    waiting = next((each for each in recording.series("sockets.accept_queue") if each.entity == entity), None)
    if waiting is None:
        return 0.0, 0.0
    v = waiting.between(window.start, window.end).v
    v = v[~np.isnan(v)]
    established = _gauge(recording.series("sockets.established"), entity, window)
    return (float(v.min()), max(0.0, established - float(v.mean()))) if len(v) else (0.0, 0.0)


def _gauge(many: tuple[Series, ...], entity: Entity, window: Window) -> float:
    return next((mean(each, window) or 0.0 for each in many if each.entity == entity), 0.0)
