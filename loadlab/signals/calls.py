"""How often services call each other, how long a call takes, and how many a request has under way at once.

A call is a question and its answer. Each takes at least one segment with data each way, and short ones take just that;
a long answer or a long question takes many one way. So the fewer of both are at most the calls, and close to them.
Segments are read from connections as they are looked at: of those that live for one call most come and go in between.
Their number is known otherwise (signals/churn), and a connection is opened for a call at least.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import churn, edges, flying, latency, mix
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, per_second
from loadlab.signals.windows import Window, measured

FEW = 2
"""Users with whom hardly anybody waits for anybody else."""

POLLING = 2.0
"""Times as many calls for each request as with few users: what a request needs does not grow with others, and retries
after errors are no such number."""


@dataclass(frozen=True)
class Calls:
    """From one service to another. per_s: calls; per_request: for each call into the source; ms: mean time of one
    (Little's law: outstanding over rate); at_once: outstanding for each request that is in the source; alone:
    per_request with one or two users, None where that was not measured or they asked for something else. Who asks again
    and again until something is free asks more often the more wait for it."""

    source: str
    to: str
    per_s: float
    per_request: float
    ms: float
    at_once: float
    outstanding: float
    alone: float | None = None

    @property
    def polls(self) -> bool:
        """Whether calls are repeated while others wait."""
        return self.alone is not None and self.per_request > POLLING * self.alone


def by_instance(recording: Recording, to: str, window: Window) -> dict[tuple[str, int | None], float]:
    """How often each caller asked each instance of a service within a window; nothing where segments were not
    counted."""
    ways: list[dict[tuple[str, int | None], float]] = []
    for name in ("edges.segments_out", "edges.segments_in"):
        found: dict[tuple[str, int | None], float] = defaultdict(float)
        for series in recording.series(name):
            service, instance = far_end(series.entity.name)
            if service == to:
                found[(series.entity.service, instance)] += increase(series, window)
        ways.append(found)
    return {key: min(count, ways[1][key]) for key, count in ways[0].items()}


def between(recording: Recording, window: Window) -> dict[tuple[str, str], float]:
    """Calls per second from one service to another (or to an address) within a window; nothing where segments were not
    counted."""
    ways: list[dict[tuple[str, str], float]] = []
    for name in ("edges.segments_out", "edges.segments_in"):
        found: dict[tuple[str, str], float] = defaultdict(float)
        for series in recording.series(name):
            found[(series.entity.service, far_end(series.entity.name)[0])] += per_second(series, window)
        ways.append(found)
    opened = churn.opened(recording, window)
    return {key: max(opened.get(key, 0.0), min(ways[0][key], ways[1][key])) for key in sorted(ways[0])}


def compute(recording: Recording) -> tuple[Calls, ...]:
    """Most calls first. Raises Missing where segments were not counted."""
    window = measured(recording)
    if not recording.series("edges.segments_out") or not recording.series("edges.segments_in"):
        raise Missing("segments between services were not counted")
    rates = between(recording, window)
    answered = latency.compute(recording)
    seen = edges.compute(recording)
    result = []
    for (source, to), rate in rates.items():
        edge = seen.between(source, to)
        into = _into(recording, source, rates, answered.rps + answered.failed_rps)
        if source == "generator" or edge is None or rate <= 0 or into <= 0:
            continue
        inside = _inside(recording, source, seen)
        result.append(
            Calls(
                source,
                to,
                rate,
                rate / into,
                1000 * edge.outstanding / rate,
                edge.outstanding / inside if inside else 0.0,
                edge.outstanding,
                _alone(recording, source, to),
            )
        )
    return tuple(sorted(result, key=lambda each: (-each.per_s, each.source, each.to)))


def _into(recording: Recording, service: str, rates: dict[tuple[str, str], float], requests: float) -> float:
    """Calls into a service. The generator counts its own requests, so those are exact."""
    inner = sum(rate for (source, to), rate in rates.items() if to == service and source != "generator")
    return inner + (requests if service == recording.meta.target else 0.0)


def _inside(recording: Recording, service: str, seen: edges.Edges) -> float:
    if service != recording.meta.target:
        return seen.into(service)
    return max(flying.in_flight(recording, measured(recording)), seen.into(service))


def _alone(recording: Recording, source: str, to: str) -> float | None:
    """Only of the service that gets the load: how often others are asked is not counted level by level."""
    few = [each for each in recording.levels if each.phase == "search" and 0 < each.users <= FEW]
    if source != recording.meta.target or not few:
        return None
    first = min(few, key=lambda each: each.users)
    window = Window(first.start, first.end)
    if not mix.alike(recording, [window], [measured(recording)]):
        return None
    good, bad, seconds = latency.counts(recording, window)
    rate = between(recording, window).get((source, to), 0.0)
    return rate * seconds / (good + bad) if rate > 0 and good + bad > 0 else None
