"""How far each station is from its own limit, by the bottleneck law: no more than servers / demand requests a second.

Demand is measured (utilisation law): what a station used in the measured window, over the requests answered in it.
Source: Denning and Buzen, "The Operational Analysis of Queueing Network Models" (1978).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import background, cpu, host, latency, pressure, queues, quota, stations, threads
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.stations import Station
from loadlab.signals.threads import ThreadState

FARTHEST = 5.0
"""A station is foreseen up to this multiple of today's rate. What a request costs falls as a station fills: a loop that
is woken once takes several events, and code that runs often is compiled and stays in the caches. Of six services it was
1.4 to 1.7 times as much as when full where a seventh to a fifth was used, and 1.8 to 4.7 times below a tenth."""

MOST_FAILED = 0.1
"""Share of failed answers up to which a demand is told. They may cost nothing or as much as good ones, so that a
request's demand lies between used / all and used / good: up to here these are less than an eighth apart."""


@dataclass(frozen=True)
class Place:
    """One station: `used` of its `servers` (cores, loops, connections; means over the window) at today's rate.

    resource: "cores" of the machine (service ""), "core" of each process, "quota" of an instance, "loop" that is
    blocked, "workers" that accept, "connections" to a database. shares: what of `used` is each service's: of cores its
    CPU, of loops and workers their waits for it.
    """

    service: str
    resource: str
    used: float
    servers: float
    shares: tuple[tuple[str, float], ...] = ()

    @property
    def factor(self) -> float:
        """Its limit as a multiple of today's rate; at least 1: it carries that much already."""
        return max(1.0, self.servers / self.used)

    def without(self, service: str) -> Place | None:
        """As it would be if a service used nothing, shares as they were; None where it is that service's own, or
        nothing is left."""
        if self.service == service:
            return None
        left = self.used - dict(self.shares).get(service, 0.0)
        return Place(self.service, self.resource, left, self.servers, self.shares) if left > 0 else None


@dataclass(frozen=True)
class Headroom:
    """Every station whose demand was measured, nearest to its limit first; requests answered per second then."""

    rps: float
    places: tuple[Place, ...]

    def next(
        self, service: str, lifted: tuple[str, ...], *, spared: bool = False, along: tuple[str, ...] = ()
    ) -> Place | None:
        """What limits when these resources of a service, and of those along with it, are lifted ("cores" are the
        machine's, "connections" have two ends); spared: when the service needs none at all any more. None where nothing
        else is used enough to tell."""
        left: list[Place] = []
        for each in self.places:
            if each.resource in lifted and (each.service in (service, *along, "") or each.resource == "connections"):
                continue
            kept = each.without(service) if spared else each
            if kept is not None and kept.factor <= FARTHEST:
                left.append(kept)
        return min(left, key=lambda each: each.factor, default=None)


def compute(recording: Recording) -> Headroom:
    """Raises Missing where processes or requests were not counted, too many failed, or CPU time was stolen."""
    answered = latency.compute(recording)
    if answered.rps <= 0 or answered.error_rate >= 1:
        raise Missing("no request was answered in the measured window")
    if answered.error_rate > MOST_FAILED:
        raise Missing(f"{100 * answered.error_rate:.0f}% of the requests failed: what a good one needs is not known")
    if _stolen(recording):
        raise Missing("how much CPU the hypervisor leaves is not known")
    found = [*_machine(recording), *_services(recording), *_quotas(recording), *_databases(recording)]
    usable = (each for each in found if each.used > 0 and each.servers > 0)
    return Headroom(
        answered.rps / (1 - answered.error_rate), tuple(sorted(usable, key=lambda each: (each.factor, each.service)))
    )


def _stolen(recording: Recording) -> bool:
    try:
        return host.compute(recording).steal_share >= host.STOLEN
    except Missing:
        return False


def _machine(recording: Recording) -> Iterator[Place]:
    """All cores. The generator runs on them too, and works more with every request."""
    used = cpu.compute(recording)
    try:
        machine = host.compute(recording)
    except Missing:
        return
    mine = background.compute(recording)  # as strangers have theirs
    theirs = sum(used.services[name].cores for name in mine)
    shares = tuple((name, each.cores) for name, each in used.services.items() if name not in mine)
    busy = max(machine.busy - machine.others - used.observer_cores, used.system_cores + used.generator_cores) - theirs
    left = machine.cores - machine.others - used.observer_cores - machine.steal - theirs
    yield Place("", "cores", busy, left, shares)


def _services(recording: Recording) -> Iterator[Place]:
    all_of_them, used = stations.compute(recording), cpu.compute(recording)
    apart = _left_behind(recording) | background.compute(recording)
    for name in all_of_them.services:
        if name in apart:
            continue
        working = {each.entity for each in used.services[name].busy}  # a master that only hands out takes no share
        mine = tuple(each for each in all_of_them.of(name) if each.entity in working)
        if mine:
            yield Place(name, "core", sum(_one_core(each) for each in mine), len(mine))
        yield from _threads(recording, name, mine)


def _left_behind(recording: Recording) -> frozenset[str]:
    """Workers while a queue piles up: what they use is of what they manage, not of what is asked."""
    try:
        piles_up = any(each.piles_up for each in queues.compute(recording).all)
    except Missing:
        return frozenset()
    return frozenset(each.name for each in recording.meta.services if each.role == "worker" and piles_up)


def _one_core(station: Station) -> float:
    """What cannot use more than one core: its serving thread; of Python all its threads, which take turns."""
    return station.process.cores if station.shares else station.thread_cores


def _threads(recording: Recording, name: str, mine: tuple[Station, ...]) -> Iterator[Place]:
    """Loops and workers that stand still in calls: what they wait for is part of a request's demand on them. Time ready
    but not running is not: it is the queue for a core. Nor is a futex: threads hand each other work by
    one, too."""
    for serves, resource in (("epoll", "loop"), ("accept", "workers")):
        those = [each.thread for each in mine if each.thread is not None and each.thread.serves == serves]
        held = [each.cores + each.blocked - each.share["futex"] for each in those]
        if sum(held) > sum(each.cores for each in those):
            yield Place(name, resource, sum(held), len(held), _waits(recording, those))


def _waits(recording: Recording, mine: list[ThreadState]) -> tuple[tuple[str, float], ...]:
    """By service, how many of these threads wait for it, mean."""
    states = threads.compute(recording)
    found: dict[str, float] = defaultdict(float)
    for wait in (wait for each in mine for wait in states.peers(each.entity)):
        found[far_end(wait.peer)[0]] += wait.share
    return tuple(found.items())


def _quotas(recording: Recording) -> Iterator[Place]:
    for each in quota.compute(recording).all:
        yield Place(each.entity.service, "quota", each.used, each.cores)


def _databases(recording: Recording) -> Iterator[Place]:
    """Connections in a statement, of those there are. Statements get no faster under more load: it is an upper end."""
    try:
        found = pressure.compute(recording)
    except Missing:
        return
    for name, each in found.items():
        yield Place(name, "connections", each.at_work * each.connections, each.connections)
