"""Caches whose misses come in bursts: many at once for each key that ended, and what throughput does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Entity, Floats, Recording, Series
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase
from loadlab.signals.windows import Window, constant_load

FULL = 0.75
"""Quantile of throughput by seconds that stands for undisturbed ones: seconds that stand still are fewer than three in
four, and those in which what had to wait is answered all at once fewer than one in four."""

STILL = 0.5
"""Of that, below which a second counts as disturbed: seconds of a steady load differ by a tenth."""

FEWEST = 6
"""Seconds below which nothing is said about their unevenness."""

WRITES = ("set", "setex", "psetex", "setnx", "mset", "hset", "hmset", "json.set")
"""Commands that put something where it was missed; SET NX of a lock is among them."""

RELEASES = ("del", "unlink", "eval", "evalsha", "fcall")
"""Commands that give back a lock kept in the cache: then who misses waits for one who does the work."""

NEAR_S = 1.5
"""A burst and what it brings are seen in the same second or the next, by clocks that tick once a second."""


@dataclass(frozen=True)
class Stampede:
    """One cache at constant load. misses and ended (expired or thrown out): in all; written: times something was put
    there; released: commands that may give back a lock; both None of a server that does not tell; bursts: ticks with
    several misses for each key that ended in them; in_bursts: share of all misses that fell into these; still: share
    of seconds with less than half of `full`, the requests/s of the others; low: requests/s in the still ones; in_step:
    share of the still seconds that a burst began."""

    service: str
    instance: int
    seconds: float
    misses: float
    ended: float
    written: float | None
    released: float | None
    bursts: int
    in_bursts: float
    still: float
    in_step: float
    full: float
    low: float

    @property
    def for_each(self) -> float:
        """Misses for each key that ended; one would do. 0 where none ended."""
        return self.misses / self.ended if self.ended else 0.0


def compute(recording: Recording) -> tuple[Stampede, ...]:
    """Each cache; none in a system without one. Raises Missing where a cache told nothing, or the load was too short to
    see what it does by the second."""
    found = [(probe, series) for probe in ("redis", "memcached") for series in recording.series(f"{probe}.misses")]
    if not found:
        if any(each.unit in ("redis", "memcached") for each in recording.meta.services):
            raise Missing("the cache did not answer what it was asked about itself")
        return ()
    window = constant_load(recording)
    seconds = by_second(recording, window)
    if len(seconds) < FEWEST:
        raise Missing("the load was too short to tell its seconds apart")
    return tuple(_stampede(recording, probe, series, window, seconds) for probe, series in found)


def by_second(recording: Recording, window: Window) -> list[tuple[float, float]]:
    """(start, requests/s) of each second, failed ones among them; counted as the recording counts, from the first
    second that begins within the window."""
    start = min((each.start for each in recording.requests if each.start >= window.start), default=window.end)
    begins = [start + each for each in range(int(window.end - start + 0.01))]
    return [(t, sum(counts(recording, Window(t, t + 1.0))[:2])) for t in begins]


def _stampede(
    recording: Recording, probe: str, misses: Series, window: Window, seconds: list[tuple[float, float]]
) -> Stampede:
    entity = misses.entity
    lost = [
        each
        for metric in ("expired", "evicted")
        for each in recording.series(f"{probe}.{metric}", service=entity.service, instance=entity.instance)
    ]
    t, missed = _steps(misses, window)
    ended = sum((_steps(each, window)[1] for each in lost), np.zeros(len(t)))
    # A key ends when it is asked for again, or in a round of the server's own shortly before.
    around = ended + np.concatenate([[0.0], ended[:-1]]) if len(ended) else ended
    burst = (around >= 1) & (missed >= 2 * np.maximum(around, 1))
    total = float(missed.sum())
    full, still, low, in_step = _still(seconds, t[burst])
    return Stampede(
        entity.service,
        entity.instance,
        window.length,
        total,
        float(ended.sum()),
        _calls(recording, entity, WRITES, window) if probe == "redis" else None,
        _calls(recording, entity, RELEASES, window) if probe == "redis" else None,
        int(burst.sum()),
        float(missed[burst].sum()) / total if total else 0.0,
        still,
        in_step,
        full,
        low,
    )


def _steps(series: Series, window: Window) -> tuple[Floats, Floats]:
    """Times of a counter's ticks in the window, and its growth in each."""
    seen = series.between(window.start, window.end)
    return seen.t[1:], np.nan_to_num(np.clip(np.diff(seen.v), 0.0, None))


def _still(seconds: list[tuple[float, float]], bursts: Floats) -> tuple[float, float, float, float]:
    """Throughput of undisturbed seconds; share of the disturbed ones and their throughput; share of these in runs that
    a burst began."""
    rps = np.array([each for _, each in seconds])
    full = float(np.quantile(rps, FULL))
    still = rps < STILL * full
    if not still.any():
        return full, 0.0, 0.0, 0.0
    begun = 0
    start = 0.0
    for (t, _), now, before in zip(seconds, still, np.concatenate([[False], still[:-1]]), strict=True):
        if now and not before:
            start = t
        begun += bool(now) and bool(((bursts >= start - NEAR_S) & (bursts <= start + 1 + NEAR_S)).any())
    return full, float(still.mean()), float(rps[still].mean()), begun / int(still.sum())


def _calls(recording: Recording, server: Entity, names: tuple[str, ...], window: Window) -> float:
    where = {"service": server.service, "instance": server.instance}
    series = recording.series("redis_commands.calls", **where)
    return sum(increase(each, window) for each in series if each.entity.name in names)
