"""New connections per request, on the way in and between services."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import latency
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, total
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Fresh:
    """One edge: new connections per second and per request of the whole system."""

    source: str
    to: str
    per_s: float
    per_request: float


@dataclass(frozen=True)
class Churn:
    """All edges, the front one (source "generator") counted by the generator itself, so exactly."""

    all: tuple[Fresh, ...]


def compute(recording: Recording) -> Churn:
    """Raises Missing where neither the generator nor the sockets tell."""
    window = measured(recording)
    answered = latency.compute(recording)
    rate = answered.rps + answered.failed_rps
    if rate <= 0:
        raise Missing("no request to count connections by")
    front = total(recording.series("generator.connects"), window)
    found = [Fresh("generator", recording.meta.target, front, front / rate)]
    found += [Fresh(source, to, new, new / rate) for (source, to), new in opened(recording, window).items()]
    if not recording.series("generator.connects") and len(found) == 1:
        raise Missing("connections were not counted")
    return Churn(tuple(found))


def opened(recording: Recording, window: Window) -> dict[tuple[str, str], float]:
    """New connections per second by (caller, callee), between services; empty where that is not known.

    The host counts every connection it opens. What the generator did not open, the services did; which ones is told by
    the ports of connections that linger in TIME_WAIT, of which a sample is looked at.
    """
    front = total(recording.series("generator.connects"), window)
    inside = total(recording.series("host.tcp_active_opens"), window) - front
    seen: dict[str, float] = defaultdict(float)
    for series in recording.series("sockets.lingering"):
        if series.entity.service != recording.meta.target:
            seen[series.entity.service] += increase(series, window)
    if inside <= 0 or not sum(seen.values()):
        return {}
    found = {}
    for to, count in sorted(seen.items()):
        callers = [each.name for each in recording.meta.services if to in each.uses or each.upstream == to]
        if count > 0 and callers:
            found[(callers[0], to)] = inside * count / sum(seen.values())
    return found
