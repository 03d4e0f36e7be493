"""Balancers: requests that queue in them, and their own limits of connections."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording, Series
from loadlab.signals.rates import increase, mean, peak, per_second
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Way:
    """From a balancer to one server, or, with the address "", into the balancer. queued: requests that wait for a place
    (mean); sessions: under way (mean); limit: how many may be, None for any number; queue_ms, response_ms: means."""

    balancer: str
    address: str
    queued: float
    sessions: float
    limit: float | None
    queue_ms: float
    response_ms: float
    requests: float

    @property
    def full(self) -> bool:
        """At its limit most of the time."""
        return self.limit is not None and self.sessions >= FULL * self.limit


FULL = 0.85
"""Mean of the sessions over their limit. A place that is given away at once is seen empty now and then."""


@dataclass(frozen=True)
class Said:
    """What a balancer wrote of its own limits (nginx). no_server: requests per second that it refused because no server
    might get one more; no_connection: times per second that its own connections were not enough. unreached: tries of
    the whole run that a server refused or left unanswered; after those, servers are left out for a time, too.
    connections: how many of its own it may have; None where it did not say."""

    balancer: str
    no_server: float
    no_connection: float
    unreached: float
    connections: float | None = None


@dataclass(frozen=True)
class Balancers:
    """Every way of every balancer that counts its queues (HAProxy), and what others write (nginx)."""

    ways: tuple[Way, ...]
    said: tuple[Said, ...] = ()

    def of(self, balancer: str) -> tuple[Way, ...]:
        """The servers behind one."""
        return tuple(each for each in self.ways if each.balancer == balancer and ":" in each.address)

    def queued(self, balancer: str) -> float:
        """Requests that wait in one: for a certain server, or for whichever is free first."""
        return sum(each.queued for each in self.ways if each.balancer == balancer)

    @property
    def names(self) -> tuple[str, ...]:
        """The balancers."""
        return tuple(dict.fromkeys(each.balancer for each in self.ways))


def compute(recording: Recording) -> Balancers:
    """Never Missing: a balancer without queues of its own has none to tell of."""
    window = measured(recording)
    ways = tuple(_way(recording, each, window) for each in recording.series("haproxy.sessions"))
    return Balancers(ways, tuple(_said(recording, each, window) for each in recording.series("nginx_log.no_server")))


def _said(recording: Recording, refused: Series, window: Window) -> Said:
    def of(metric: str) -> Series | None:
        return next((each for each in recording.series(f"nginx_log.{metric}") if each.entity == refused.entity), None)

    lacked, unreached, limit = of("no_connection"), of("unreached"), of("connections")
    return Said(
        refused.entity.service,
        per_second(refused, window),
        per_second(lacked, window) if lacked is not None else 0.0,
        increase(unreached, Window(0.0, window.end)) if unreached is not None else 0.0,
        peak(limit, window) if limit is not None else None,
    )


def _way(recording: Recording, sessions: Series, window: Window) -> Way:
    entity = sessions.entity

    def of(metric: str) -> Series | None:
        return next((each for each in recording.series(f"haproxy.{metric}") if each.entity == entity), None)

    def gauge(metric: str) -> float | None:
        series = of(metric)
        return mean(series, window) if series is not None else None

    requests = of("requests")
    return Way(
        entity.service,
        entity.name,
        gauge("queued") or 0.0,
        gauge("sessions") or 0.0,
        gauge("limit"),
        gauge("queue_ms") or 0.0,
        gauge("response_ms") or 0.0,
        per_second(requests, window) if requests is not None else 0.0,
    )
