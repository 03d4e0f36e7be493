"""Queues: how many messages wait, and whether that number grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Recording, Series
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean, per_second
from loadlab.signals.windows import Window, constant_load

OF_ARRIVED = 0.1
"""Of the messages that arrive, the part that is not worked off: less is the unevenness of a short window."""

GROWTH = 2.0
"""Messages a second; slower growth would need minutes to be told from a wave."""

STEADY = 0.8
"""r squared of a straight line through the queue's length. A queue that fills and empties has a third of that."""

WAITING = 50
"""Messages in the end: a burst of a few dozen is what a queue is for."""


SHORTER = 0.5
"""Of a queue's least length, what it falls below with fewer users: they double from level to level."""

LEVEL = 0.02
"""Of its length, a second: a queue that changes by less is as long after ten seconds as before, to a fifth."""


@dataclass(frozen=True)
class Queue:
    """One queue while the load was level. waiting: at the end of it; growth: messages per second, by least squares;
    level: how much of the change a straight line explains (r squared), 1 for a steady growth; arrived: messages per
    second, None where the server does not count them; taken, consumers, mean: means; least: the fewest at any look."""

    service: str
    instance: int
    name: str
    waiting: float
    growth: float
    level: float
    arrived: float | None
    taken: float
    consumers: float | None
    mean: float = 0.0
    least: float = 0.0
    before: float | None = None
    """The fewest at any look with fewer users, 0 of a list that was not there then; None where no fewer were run."""

    @property
    def stands(self) -> bool:
        """Whether it was never empty, stayed as long, and was shorter with fewer users: a list of what came last has
        one length whoever asks."""
        level = self.least >= 1 and abs(self.growth) <= LEVEL * self.mean
        return level and self.before is not None and self.before < SHORTER * self.least

    @property
    def finished(self) -> float | None:
        """Messages per second that consumers took away."""
        return None if self.arrived is None else max(0.0, self.arrived - self.growth)

    @property
    def piles_up(self) -> bool:
        """Whether it grew as if there were no end."""
        if self.growth < GROWTH or self.level < STEADY or self.waiting < WAITING:
            return False
        return self.arrived is None or self.growth >= OF_ARRIVED * self.arrived


@dataclass(frozen=True)
class Queues:
    """All of them, the longest first; seconds: how long they were watched."""

    all: tuple[Queue, ...]
    seconds: float = 0.0


FEWEST = 4
"""Samples of a queue: a line through fewer is no growth."""


def compute(recording: Recording) -> Queues:
    """Raises Missing where a queue's server told nothing of it."""
    window = constant_load(recording)
    found = [
        each for each in (_queue(recording, series, window) for series in recording.series("queues.waiting")) if each
    ]
    servers = [
        each.name for each in recording.meta.services if each.role == "queue" and each.unit in ("redis", "rabbitmq")
    ]
    if servers and not recording.series("queues.waiting") and "queues" not in recording.ticks:
        raise Missing(f"nobody asked {servers[0]} about its queues")
    return Queues(tuple(sorted(found, key=lambda each: -each.waiting)), window.length)


def _queue(recording: Recording, waiting: Series, window: Window) -> Queue | None:
    inside = waiting.between(window.start, window.end)
    good = ~np.isnan(inside.v)
    t, v = inside.t[good], inside.v[good]
    if len(t) < FEWEST:
        return None
    growth, level = _line(t, v)
    entity = waiting.entity

    def of(metric: str) -> Series | None:
        return next((each for each in recording.series(f"queues.{metric}") if each.entity == entity), None)

    arrived, taken, consumers = of("arrived"), of("taken"), of("consumers")
    counted = arrived is not None and not np.isnan(arrived.v).all()
    return Queue(
        entity.service,
        entity.instance,
        entity.name,
        float(v[-1]),
        growth,
        level,
        per_second(arrived, window) if arrived is not None and counted else None,
        (mean(taken, window) or 0.0) if taken is not None else 0.0,
        mean(consumers, window) if consumers is not None else None,
        float(v.mean()),
        float(v.min()),
        _with_fewer(recording, waiting),
    )


def _with_fewer(recording: Recording, waiting: Series) -> float | None:
    most = max((each.users for each in recording.levels if each.phase == "steady"), default=0)
    fewer = [each for each in recording.levels if each.phase == "search" and 0 < each.users < most]
    seen = [v for each in fewer for v in waiting.between(each.start, each.end).v if not np.isnan(v)]
    return float(min(seen, default=0.0)) if fewer else None


def _line(t: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Slope and r squared."""
    if float(np.ptp(v)) == 0.0:
        return 0.0, 1.0
    slope, start = np.polyfit(t, v, 1)
    left = v - (slope * t + start)
    return float(slope), max(0.0, 1.0 - float((left**2).sum() / ((v - v.mean()) ** 2).sum()))
