"""Who calls whom, and how many requests are outstanding on each edge: the queue in front of each service, from
outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from loadlab.recording.model import Recording, Series
from loadlab.signals import far_ends, threads
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean, per_second
from loadlab.signals.windows import Window, measured

ALWAYS = 0.85
"""Share of time in which every connection has a question on it, from which on some may have several at a time: HTTP/1.1
leaves a gap between an answer and the next question. With HTTP/2 (gRPC) there is always another question under way, but
the clocks tell only who spoke last: a look just after an answer finds none, as 2 of 22 did at 97 calls a second."""


FEW = 2
"""Users with whom hardly anybody waits for anybody else."""

FEWEST = 4
"""Looks with so few users, below which chance decides what was seen."""

SEVERAL = 1.5
"""Calls under way for each request, from which on it asks for several at a time: a look at both ends falls between a
question and the next."""


@dataclass(frozen=True)
class Edge:
    """Connections from one service to another (or to an address). Means over the measured window; `new` per second;
    `alone`: share of the looks at which exactly one request was outstanding."""

    source: str
    to: str
    """A service's name, or "address:port" of one that is not watched."""
    instance: int | None
    connections: float
    outstanding: float
    new: float
    alone: float = 0.0
    unread: float | None = None
    """Share of the looks at which the far end had not read all that was sent to it; None where not sampled."""


@dataclass(frozen=True)
class Edges:
    """All edges, each instance at the far end by itself."""

    all: tuple[Edge, ...]
    alone: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Calls under way from one service to another for each request that is in the first, with one or two users; only
    where that was looked at."""
    often: Mapping[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    """How many calls from one service to another most looks found under way, and the share of the looks that did."""

    def abreast(self, source: str, to: str) -> float:
        """How many calls a request has under way at a time that nobody else is in the way of; 1 where it asks for one
        after the other, or that is not known."""
        calls = self.alone.get((source, to), 1.0)
        return calls if calls >= SEVERAL else 1.0

    def between(self, source: str, to: str) -> Edge | None:
        """All instances of `to` as one edge."""
        mine = [each for each in self.all if each.source == source and each.to == to]
        if not mine:
            return None
        return Edge(
            source,
            to,
            None,
            sum(each.connections for each in mine),
            sum(each.outstanding for each in mine),
            sum(each.new for each in mine),
            min(1.0, sum(each.alone for each in mine)),
            max((each.unread for each in mine if each.unread is not None), default=None),
        )

    def out_of(self, source: str) -> tuple[Edge, ...]:
        """Edges from a service, one for each service at the far end, most outstanding first."""
        names = {each.to for each in self.all if each.source == source}
        edges = [each for each in (self.between(source, name) for name in names) if each is not None]
        return tuple(sorted(edges, key=lambda each: (-each.outstanding, each.to)))

    def callers(self, to: str) -> frozenset[str]:
        """Services, or the generator, with connections to a service; loadlab's own looks inside are none of them."""
        return frozenset(each.source for each in self.all if each.to == to and each.source not in ("loadlab", to))

    def unread(self, to: str) -> float | None:
        """Share of the looks at which a service had not read all that was sent to it; of several callers the most."""
        mine = [each.unread for each in self.all if each.to == to and each.source != "loadlab"]
        return max((each for each in mine if each is not None), default=None)

    def into(self, to: str) -> float:
        """Requests outstanding at a service."""
        return sum(each.outstanding for each in self.all if each.to == to)

    def into_instance(self, to: str, instance: int) -> float:
        """Requests outstanding at one instance of a service."""
        return sum(each.outstanding for each in self.all if (each.to, each.instance) == (to, instance))

    def carrying(self, to: str, requests: float) -> Edges:
        """The same where so many requests are known to be outstanding at a service, on connections that carry several
        at a time."""
        seen = self.into(to)
        return Edges(
            tuple(
                replace(each, outstanding=each.outstanding * requests / seen, alone=0.0) if each.to == to else each
                for each in self.all
            ),
            self.alone,
            {key: each for key, each in self.often.items() if key[1] != to},
        )

    def connections(self, to: str) -> float:
        """To a service, of all its callers."""
        return sum(each.connections for each in self.all if each.to == to)

    def busy(self, to: str) -> bool:
        """Whether every connection to a service has a question on it all of the time."""
        return self.into(to) >= ALWAYS * self.connections(to) > 0


def compute(recording: Recording) -> Edges:
    """Raises Missing where connections were not sampled."""
    window = measured(recording)
    if not recording.series("edges.connections"):
        raise Missing("connections between services were not sampled")
    sums: dict[tuple[str, str, int | None], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name in ("connections", "outstanding", "new"):
        for series in recording.series(f"edges.{name}"):
            to, instance = far_end(series.entity.name)
            value = per_second(series, window) if name == "new" else mean(series, window) or 0.0
            sums[(series.entity.service, to, instance)][name] += value
            if name == "outstanding":
                sums[(series.entity.service, to, instance)]["alone"] += _alone(series, window)
    unread = far_ends.unread(recording, window)
    for place, share in _one_at_a_time(recording, window).items():
        for each in (one for key, one in sums.items() if key[1:] == place):
            each["outstanding"] = min(each["outstanding"], share * each["connections"])
            each["alone"] = min(each["alone"], share)
    return Edges(
        tuple(
            Edge(
                source,
                to,
                instance,
                each["connections"],
                each["outstanding"],
                each["new"],
                each["alone"],
                unread.get((source, to, instance)),
            )
            for (source, to, instance), each in sorted(
                sums.items(), key=lambda item: (item[0][0], item[0][1], str(item[0][2]))
            )
        ),
        _few(recording),
        _often(recording, window),
    )


def _often(recording: Recording, window: Window) -> dict[tuple[str, str], tuple[int, float]]:
    """All instances at either end together: who lets so many through may give them to whichever is free."""
    looks: dict[tuple[str, str], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for series in recording.series("edges.outstanding"):
        mine = looks[(series.entity.service, far_end(series.entity.name)[0])]
        seen = series.between(window.start, window.end)
        for at, value in zip(seen.t, seen.v, strict=True):
            mine[float(at)] += float(value)
    found = {}
    for key, mine in looks.items():
        counts = Counter(round(value) for value in mine.values() if not np.isnan(value))
        if counts:
            many, times = counts.most_common(1)[0]
            found[key] = (many, times / counts.total())
    return found


def _one_at_a_time(recording: Recording, window: Window) -> dict[tuple[str, int | None], float]:
    """Share of the time in which the one thread of a Redis has anything to do: else nothing is outstanding there,
    whatever the clocks of a connection say that is asked again within one of their steps. Not of one with clients in a
    command that waits for others (BLPOP)."""
    own = {each.name for each in recording.meta.services if each.unit == "redis"}
    blocked = {
        (each.entity.service, each.entity.instance)
        for each in recording.series("redis.blocked_clients")
        if mean(each, window)
    }
    try:
        states = threads.compute(recording).all if own else ()
    except Missing:
        return {}
    busy: dict[tuple[str, int | None], float] = {}
    for each in states:
        place = (each.entity.service, each.entity.instance)
        if each.serves == "epoll" and each.entity.service in own and place not in blocked:
            busy[place] = max(busy.get(place, 0.0), each.busy)
    return busy


def _few(recording: Recording) -> dict[tuple[str, str], float]:
    levels = [each for each in recording.levels if each.phase == "search" and 0 < each.users <= FEW]
    calls: dict[tuple[str, str], float] = defaultdict(float)
    into: dict[str, float] = defaultdict(float)
    looks: dict[str, set[float]] = defaultdict(set)
    for series in recording.series("edges.outstanding"):
        source, to = series.entity.service, far_end(series.entity.name)[0]
        for level in levels:
            seen = series.between(level.start, level.end)
            calls[(source, to)] += float(np.nansum(seen.v))
            into[to] += float(np.nansum(seen.v))
            looks[to].update(map(float, seen.t))
    known = {name for name, requests in into.items() if requests > 0 and len(looks[name]) >= FEWEST}
    return {(source, to): count / into[source] for (source, to), count in calls.items() if source in known}


def _alone(series: Series, window: Window) -> float:
    seen = series.between(window.start, window.end).v
    seen = seen[~np.isnan(seen)]
    return float((np.rint(seen) == 1).mean()) if len(seen) else 0.0
