"""Who waits for whom, from the kernel alone: requests outstanding on connections, threads that stand on a socket, a
file or a lock, and the process behind each.

The graph that wPerf (Zhou et al., OSDI 2018) draws of threads, drawn of services: its sink is where to look.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import edges, measurement, threads
from loadlab.signals.missing import Missing

SEEN = 0.05
"""Requests or threads, mean: of less nobody would draw a line."""

MOST = 0.5
"""Share of what is under way in a service that must wait for another, for the chain to go on there."""

LOCK, SLEEP, FILE = "lock", "sleep", "file:"


@dataclass(frozen=True)
class Wait:
    """source waits for `to`: a service, "address:port" outside, "file:/path", "lock" or "sleep" of its own.

    requests: outstanding on its connections there, mean; None where it is no connection. threads: of the source, that
    stood still there, mean. share: of what is under way in the source, 0..1: requests where they were seen, else of
    its serving threads.
    """

    source: str
    to: str
    requests: float | None
    threads: float
    share: float

    @property
    def outside(self) -> bool:
        """Whether its other end is a connection to what nobody watches, a file, or the service's own lock."""
        return self.to in (LOCK, SLEEP) or self.to.startswith(FILE) or ":" in self.to


@dataclass(frozen=True)
class Waiting:
    """All waits, those of most requests first; inside: requests under way in each service; chain: from the front, to
    whom most of them wait, to whoever waits for nobody."""

    waits: tuple[Wait, ...]
    inside: dict[str, float]
    chain: tuple[str, ...]

    def of(self, source: str) -> tuple[Wait, ...]:
        """Those of one service, largest share first."""
        return tuple(sorted((each for each in self.waits if each.source == source), key=lambda each: -each.share))


def compute(recording: Recording) -> Waiting:
    """Raises Missing where connections were not sampled; goes without threads where their states are missing."""
    calls = edges.compute(recording)
    in_flight = measurement.compute(recording).generator.in_flight
    target = recording.meta.target
    inside = {each.name: calls.into(each.name) for each in recording.meta.services}
    # Both ends of a share are told by the same clocks: what these miss, they miss before and behind.
    inside[target] = inside.get(target) or in_flight
    stood, serving = _threads(recording, {(each.source, each.to) for each in calls.all})
    waits = [_requests(calls, key, inside, in_flight, stood) for key in _pairs(calls)]
    known = {(each.source, each.to) for each in waits}
    waits += [
        Wait(source, to, None, count, min(1.0, count / serving[source]) if serving.get(source) else 0.0)
        for (source, to), count in stood.items()
        if (source, to) not in known
    ]
    seen = [each for each in waits if max(each.requests or 0.0, each.threads) >= SEEN]
    ordered = tuple(sorted(seen, key=lambda each: (-(each.requests or 0.0), -each.threads, each.source, each.to)))
    return Waiting(ordered, {name: count for name, count in inside.items() if count > 0}, _chain(ordered, target))


def _pairs(calls: edges.Edges) -> list[tuple[str, str]]:
    return sorted({(each.source, each.to) for each in calls.all if each.source not in ("loadlab", each.to)})


def _requests(
    calls: edges.Edges,
    key: tuple[str, str],
    inside: dict[str, float],
    in_flight: float,
    stood: dict[tuple[str, str], float],
) -> Wait:
    edge = calls.between(*key)
    requests = edge.outstanding if edge is not None else 0.0
    under_way = in_flight if key[0] == "generator" else inside.get(key[0], 0.0)
    return Wait(*key, requests, stood.get(key, 0.0), min(1.0, requests / under_way) if under_way > 0 else 0.0)


def _threads(
    recording: Recording, connected: set[tuple[str, str]]
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Threads that stand on each peer, and how many serve, by service. A peer that is at no far end of a connection of
    the service's own is its client: to wait for the next request is to wait for work."""
    try:
        states = threads.compute(recording)
    except Missing:
        return {}, {}
    stood: dict[tuple[str, str], float] = defaultdict(float)
    serving: dict[str, float] = defaultdict(float)
    for wait in states.waits:
        peer = _peer(wait.peer)
        if (wait.entity.service, peer) in connected or peer.startswith(FILE):
            stood[(wait.entity.service, peer)] += wait.share
    for each in states.all:
        if each.serves:
            serving[each.entity.service] += 1
            # Of a thread that serves only: a pool's threads wait for their work on a lock.
            for state, name in (("futex", LOCK), ("sleep", SLEEP)):
                stood[(each.entity.service, name)] += each.share[state]
    return {key: value for key, value in stood.items() if _watched(key[0])}, serving


def _watched(service: str) -> bool:
    return service not in ("generator", "loadlab")


def _peer(name: str) -> str:
    """ "db/0" is an instance of db; a file or an address stays what it is."""
    service, slash, instance = name.rpartition("/")
    return service if slash and instance.isdigit() and not name.startswith(FILE) else name


def _chain(waits: tuple[Wait, ...], target: str) -> tuple[str, ...]:
    path = [target]
    while True:
        mine = [each for each in waits if each.source == path[-1] and each.to not in path and each.share >= MOST]
        if not mine:
            return tuple(path)
        path.append(max(mine, key=lambda each: each.share).to)
