"""New connections per request, on the way in and between services."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import edges, latency
from loadlab.signals.missing import Missing
from loadlab.signals.rates import per_second
from loadlab.signals.windows import measured


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
    rps = latency.compute(recording)
    rate = rps.rps + rps.failed_rps
    if rate <= 0:
        raise Missing("no request to count connections by")
    found = []
    for series in recording.series("generator.connects"):
        new = per_second(series, window)
        found.append(Fresh("generator", recording.meta.target, new, new / rate))
    try:
        inner = edges.compute(recording)
    except Missing:
        inner = edges.Edges(())
    for source in sorted({each.source for each in inner.all} - {"generator", "loadlab"}):
        found.extend(Fresh(source, each.to, each.new, each.new / rate) for each in inner.out_of(source))
    if not found:
        raise Missing("connections were not counted")
    return Churn(tuple(found))
