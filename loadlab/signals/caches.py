"""Caches: how often what is asked for is there, what makes room, and which command takes the server's one thread."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Entity, Recording
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean, per_second
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Command:
    """One command of a Redis or Valkey. share: of one core, so of the time in which it can do nothing else."""

    name: str
    calls: float
    share: float

    @property
    def mean_ms(self) -> float:
        """One call."""
        return 1000 * self.share / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Cache:
    """One instance of a cache over the measured window; rates per second. early: the hit rate of its first half, late:
    of its second; None where next to nothing was asked for. used and limit in bytes, limit 0 where it has none.
    commands: the longest first, none of a server that does not tell (memcached)."""

    service: str
    instance: int
    hits: float
    misses: float
    evicted: float
    expired: float
    early: float | None
    late: float | None
    used: float
    limit: float
    commands: tuple[Command, ...] = ()
    blocked: float = 0.0
    """Clients in a command that waits until somebody else puts something there, mean."""

    @property
    def hit_rate(self) -> float | None:
        """Of what is asked for, the share that is there; None where nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked > 0 else None


@dataclass(frozen=True)
class Caches:
    """All of them; none in a system without one."""

    all: tuple[Cache, ...]


def compute(recording: Recording) -> Caches:
    """Raises Missing where a cache runs, and told nothing."""
    window = measured(recording)
    found = [
        _cache(recording, probe, series.entity, window)
        for probe in ("redis", "memcached")
        for series in recording.series(f"{probe}.hits")
    ]
    named = {each.service for each in found}
    for service in recording.meta.services:
        if service.unit in ("redis", "memcached") and service.name not in named:
            raise Missing(f"{service.name} did not answer what it was asked about itself")
    return Caches(tuple(found))


def _cache(recording: Recording, probe: str, entity: Entity, window: Window) -> Cache:
    def rate(metric: str, over: Window = window) -> float:
        where = {"service": entity.service, "instance": entity.instance}
        return sum(per_second(each, over) for each in recording.series(f"{probe}.{metric}", **where))

    def gauge(metric: str) -> float:
        where = {"service": entity.service, "instance": entity.instance}
        return sum(mean(each, window) or 0.0 for each in recording.series(f"{probe}.{metric}", **where))

    def hit_rate(over: Window) -> float | None:
        hits, misses = rate("hits", over), rate("misses", over)
        return hits / (hits + misses) if (hits + misses) * over.length >= FEWEST else None

    middle = (window.start + window.end) / 2
    return Cache(
        entity.service,
        entity.instance,
        rate("hits"),
        rate("misses"),
        rate("evicted"),
        rate("expired"),
        hit_rate(Window(window.start, middle)),
        hit_rate(Window(middle, window.end)),
        gauge("used_bytes"),
        gauge("limit_bytes"),
        _commands(recording, entity, window) if probe == "redis" else (),
        gauge("blocked_clients"),
    )


FEWEST = 50
"""Keys asked for in half a window: their hit rate is known to seven points."""


def _commands(recording: Recording, server: Entity, window: Window) -> tuple[Command, ...]:
    where = {"service": server.service, "instance": server.instance}
    calls = {each.entity.name: per_second(each, window) for each in recording.series("redis_commands.calls", **where)}
    shares = {each.entity.name: per_second(each, window) for each in recording.series("redis_commands.time_s", **where)}
    # A busy server answers late, so how long its counters grew is known to a tenth only: but no longer than there was.
    over = max(1.0, *shares.values()) if shares else 1.0
    found = [Command(name, calls.get(name, 0.0) / over, share / over) for name, share in shares.items()]
    return tuple(sorted((each for each in found if each.calls > 0), key=lambda each: (-each.share, each.name)))
