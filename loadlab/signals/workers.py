"""The threads of each process that serve requests: how many are at work at a time, how many stand in line for a lock,
and how many requests could be served at once.

A thread that waits for its caller's next request, for work, or in epoll is not at work. One that is stopped in a futex
waits for another thread: for a lock it holds, or, in a pool, for work; which of the two, stacks tell (signals/asleep).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from loadlab.recording.model import NATIVE, Entity, Frame, Recording, ServiceMeta
from loadlab.signals import asleep, edges, frames, hot, measurement, mix, pieces, pools, saturation, stations, threads
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.threads import ThreadState
from loadlab.signals.windows import Window, measured

TAKEN = 0.85
"""Share of its time at work from which on a thread of a pool counts as taken: handing it the next request takes the
rest."""

CALLER = "caller"
"""What the probe calls the far end of a connection that a service accepted (probes/_peers.py)."""

IDLE = 0.02
"""Share of its time at work up to which a thread only looks after itself (timers, heartbeats)."""

PART = 0.5
"""Times a thread is put on a CPU while one of the slowest requests (p99) is answered, below which it has no part in
them: who works for a request, or stands in line for one, runs at least once for it. Half, as a window has ends."""

MORE = 1.2
"""Threads at work for each question that is seen outstanding: a fifth more than connections explain."""

SEVERAL = 1.6
"""Requests served at once for each connection, from which on it carries more than one: latency at one or two users is
known to a fifth, and so is what else took its time."""

STOOD = 0.5
"""Share of its time in a futex from which on a thread is there for work that does not come."""

AWAITED = 0.5
"""Threads that the stacks show waiting for the result of a pool, or at work that they were handed, from which on there
is one."""

FEW = 2
"""Users up to whom a level of the search shows how long a request takes that waits for nobody."""

FEWEST_ALONE = 4
"""Looks at a connection with one or two users: who is there half of the time is found by all four once in sixteen."""

KEPT = 0.8
"""Of a lone request's time, what the kernel may keep back of its answer, that the rest can still be told: of ten looks,
as many as such levels have, the share of 0.8 has a standard deviation of 0.13, two thirds of what is left."""


@dataclass(frozen=True)
class Workers:
    """One process. inside: requests in it, its share of its instance's; at_work: threads at
    work, mean; queueing: threads stopped in a futex, mean, of those not part of the loop; taken: threads that were at
    work nearly all of the time; loop_busy: of the thread that takes requests, where another one serves them; told:
    whether stacks tell waits for a lock from waits for work, thread by thread; free: threads, other than those that
    take requests, that stood in a futex most of the time: for work, as far as is known."""

    entity: Entity
    cores: float
    inside: float
    at_work: float
    queueing: float
    taken: tuple[ThreadState, ...]
    loop_busy: float | None
    told: bool = False
    free: int = 0


@dataclass(frozen=True)
class Crew:
    """All processes of services; and `at_once`: how many requests were served at a time by Little's law, had each taken
    no longer than one that is alone: best throughput times the latency at one or two users, less what the kernel kept
    back of the answer (signals/pieces), when nobody works for it any more. None where no such level was run, or other
    endpoints were asked there. One at a time makes it 1."""

    all: tuple[Workers, ...]
    at_once: float | None
    native: frozenset[str]
    """Services in which every profiler looked and none found a language of its own: compiled, or one nobody reads."""
    shared: Mapping[str, float]
    """Services that are asked several things at a time on one connection (HTTP/2, gRPC), and how many questions are
    outstanding there: of each connection sockets show only that there are some."""
    in_line: dict[int, float]
    """By pid, where stacks were read: threads that stood in the user's own code or in a lock's below it, mean. Those at
    a lock do; so does one that sleeps or calls into C."""
    at_gate: dict[int, float]
    """By pid as well: those that stood in a semaphore or another lock written in Python, or in a queue for one of what
    it lends, and nowhere else."""
    spare: Mapping[int, float]
    """By pid as well: threads of a pool that requests use which had nothing to do (signals/pools)."""

    def of(self, service: str) -> tuple[Workers, ...]:
        """The processes of one service."""
        return tuple(each for each in self.all if each.entity.service == service)

    def together(self, service: str) -> Workers | None:
        """Several processes as one; None where there is one or none. Its loop_busy is the busiest's."""
        mine = self.of(service)
        if len(mine) < 2:
            return None
        loops = [each.loop_busy for each in mine if each.loop_busy is not None]
        return Workers(
            Entity("process", service),
            sum(each.cores for each in mine),
            sum(each.inside for each in mine),
            sum(each.at_work for each in mine),
            sum(each.queueing for each in mine),
            tuple(thread for each in mine for thread in each.taken),
            max(loops, default=None),
        )


def compute(recording: Recording) -> Crew:
    """Raises Missing where threads, processes or connections were not sampled."""
    states, places, between = threads.compute(recording), stations.compute(recording), edges.compute(recording)
    sleeps, slowest_s = asleep.compute(recording), _slowest_s(recording)
    line, gate = _standing(recording, asleep.in_line), _standing(recording, asleep.at_gate)
    result = _standing(recording, lambda meta, stack: asleep.for_result(meta, stack) or frames.handed(meta, stack))
    crews: dict[str, tuple[Workers, ...]] = {}
    for name in places.services:
        parts = {each.entity: _part(states, each, slowest_s) for each in places.of(name)}
        # Where nobody does anything, as behind a lock that is held long, all may be those that serve.
        mine = [each for each in places.of(name) if _works(states, parts[each.entity], sleeps)] or places.of(name)
        inside, parted = _inside(recording, between, name), _parted(between, name, mine)
        crews[name] = tuple(
            _workers(states, each, parts[each.entity], inside * parted[each.entity], sleeps, result) for each in mine
        )
    at_once = _at_once(recording)
    shared: dict[str, float] = {}
    for name in _shared(recording, between, crews, at_once):
        seen, sent = between.into(name), _sent(recording, between, name)
        if sent > seen > 0:
            shared[name] = sent
            crews[name] = tuple(replace(each, inside=each.inside * sent / seen) for each in crews.get(name, ()))
    everybody = tuple(each for crew in crews.values() for each in crew)
    spare = pools.spare(recording)
    return Crew(everybody, at_once, _native(recording, places), shared, line, gate, spare)


def _native(recording: Recording, places: stations.Stations) -> frozenset[str]:
    if recording.phase("stacks") is None:
        return frozenset()
    refused = {
        each.service for each in recording.events if each.kind == "note" and each.data.get("subject") == "stacks"
    }
    read = {each.service for each in recording.stacks if each.mode != NATIVE}
    locked = {each.entity.service for each in places.all if each.unread_lock}
    return frozenset(each.name for each in recording.meta.services) - refused - read - locked


Sleeps = Mapping[tuple[int, int], asleep.Asleep]


def _slowest_s(recording: Recording) -> float:
    """Of nearly all requests of the window; 0 where none was answered."""
    window = measured(recording)
    times = recording.quantiles(window.start, window.end)
    return times.p99_ms / 1000 if times is not None else 0.0


def _part(states: threads.Threads, station: stations.Station, slowest_s: float) -> tuple[ThreadState, ...]:
    """Threads of a process that may have to do with requests: those of a runtime, or of a pool that is too big, sleep
    in the same calls as others do at a lock, and nothing wakes them."""
    mine = states.of(station.entity.service, station.entity.pid)
    serving = any(each.serves for each in mine)
    return tuple(
        each
        for each in mine
        if each.serves
        or each.runs_per_s is None
        or (each.runs_per_s * slowest_s >= PART and not (serving and _watches_over(each)))
    )


def _watches_over(thread: ThreadState) -> bool:
    """A main thread that has others serve, and sleeps: it looks now and then whether a file has changed, or a signal
    has come. It is in no pool."""
    return thread.entity.tid == thread.entity.pid and thread.share["sleep"] >= STOOD


def _works(states: threads.Threads, mine: tuple[ThreadState, ...], sleeps: Sleeps) -> bool:
    """Masters and helpers have threads, too, which never do anything."""
    return any(_at_work(states, each, _asleep(sleeps, each, told=False)) >= IDLE for each in mine)


def _parted(between: edges.Edges, name: str, mine: Sequence[stations.Station]) -> dict[Entity, float]:
    """Each process's share of the requests in its service: of its instance, as its connections tell; of an instance
    that has several, all alike. Where no connection tells, instances are alike, too."""
    processes = Counter(each.entity.instance for each in mine)
    asked = {each: between.into_instance(name, each) for each in processes}
    total = sum(asked.values())
    return {
        each.entity: (asked[each.entity.instance] / total if total > 0 else 1 / len(processes))
        / processes[each.entity.instance]
        for each in mine
    }


def _inside(recording: Recording, between: edges.Edges, name: str) -> float:
    """Requests in a service. Of the one that gets the load the generator knows: sockets tell it from outside, and not
    always of answers and questions within one millisecond."""
    seen = between.into(name)
    if name != recording.meta.target:
        return seen
    try:
        return max(seen, measurement.compute(recording).generator.in_flight)
    except Missing:
        return seen


def _shared(
    recording: Recording, between: edges.Edges, crews: Mapping[str, tuple[Workers, ...]], at_once: float | None
) -> set[str]:
    """Services with several questions under way on one connection at a time: more threads are at work there than it has
    connections; or, of one that the front asks, more requests were served at once than it has connections to it, and
    nothing else was done for them meanwhile, nor for a lone request."""
    found = {
        name
        for name, crew in crews.items()
        if between.busy(name) and sum(each.at_work for each in crew) > MORE * between.connections(name)
    }
    meta = next((each for each in recording.meta.services if each.name == recording.meta.target), None)
    for front in {recording.meta.target, meta.upstream if meta is not None else ""}:
        asked = between.out_of(front)
        own = sum(each.at_work + each.cores for each in crews.get(front, ()))
        for edge in asked:
            others = sum(each.outstanding for each in asked if each is not edge)
            served = (at_once or 0.0) - own - others
            taken = edge.outstanding >= edges.ALWAYS * edge.connections > 0
            if taken and served > SEVERAL * edge.connections and _waits_alone(recording, front, edge.to):
                found.add(edge.to)
    return found


def _waits_alone(recording: Recording, front: str, to: str) -> bool:
    """Whether a lone request spends its time there, as every look at one or two users says."""
    alone = [each for each in recording.levels if each.users <= FEW and each.phase == "search"]
    looks: dict[float, float] = defaultdict(float)
    for series in recording.series("edges.outstanding", service=front):
        if far_end(series.entity.name)[0] == to:
            for level in alone:
                seen = series.between(level.start, level.end)
                for at, value in zip(seen.t, seen.v, strict=True):
                    looks[float(at)] += float(value)
    return len(looks) >= FEWEST_ALONE and all(value >= 1 for value in looks.values())


def _sent(recording: Recording, between: edges.Edges, name: str) -> float:
    """What its callers have under way, less what is outstanding elsewhere."""
    elsewhere = sum(
        each.outstanding for source in between.callers(name) for each in between.out_of(source) if each.to != name
    )
    return sum(_inside(recording, between, source) for source in between.callers(name)) - elsewhere


def _workers(
    states: threads.Threads,
    station: stations.Station,
    mine: tuple[ThreadState, ...],
    inside: float,
    sleeps: Sleeps,
    results: Mapping[int, float],
) -> Workers:
    serving = [each for each in mine if each.serves]
    others = [each for each in mine if not each.serves]
    told = any(pid == station.entity.pid for pid, _ in sleeps)
    kinds = {each.entity: _asleep(sleeps, each, told=told) for each in mine}
    work = {each.entity: _at_work(states, each, kinds[each.entity]) for each in mine}
    pool = others or serving
    taken = tuple(each for each in others if work[each.entity] >= TAKEN)
    return Workers(
        station.entity,
        station.process.cores,
        inside,
        sum(work[each.entity] for each in pool),
        sum(each.share["futex"] * kinds[each.entity].line for each in pool),
        # Work reaches a pool through a futex, or its stacks say so: one that always finds the next waiting stands in
        # none. A thread that sleeps between looks at its own house is none.
        taken if any(each.handed for each in taken) or results.get(station.entity.pid, 0.0) >= AWAITED else (),
        max(each.busy for each in serving) if serving and others else None,
        told,
        _free(states, station, told),
    )


def _free(states: threads.Threads, station: stations.Station, told: bool) -> int:
    """Of those that were woken at all: a pool that is not used, as libuv's below uvloop, is no other's room."""
    mine = states.of(station.entity.service, station.entity.pid)
    idle = [each for each in mine if not (each.serves or each.passing) and each.share["futex"] >= STOOD]
    return 0 if told else sum(each.runs_per_s is None or each.runs_per_s > 0 for each in idle)


def _asleep(sleeps: Sleeps, thread: ThreadState, *, told: bool) -> asleep.Asleep:
    """told: of this process; threads without a stack are then the runtime's own."""
    return sleeps.get((thread.entity.pid, thread.entity.tid), asleep.OWN if told else asleep.UNKNOWN)


def _at_work(states: threads.Threads, thread: ThreadState, kind: asleep.Asleep) -> float:
    """Share of time: not waiting for work, for a lock, or for its caller's next request."""
    for_caller = sum(each.share for each in states.peers(thread.entity) if each.peer == CALLER)
    return max(0.0, thread.awake - thread.share["futex"] * (1.0 - kind.work) - for_caller)


def _at_once(recording: Recording) -> float | None:
    try:
        steps = saturation.compute(recording)
    except Missing:
        return None
    alone = [each for each in recording.levels if each.users <= FEW and each.phase == "search"]
    windows = [Window(each.start, each.end) for each in alone]
    if not mix.alike(recording, windows, [measured(recording)]):
        return None
    kept = pieces.kept_back(recording, recording.meta.target, windows)
    known = [recording.quantiles(each.start, each.end, result="ok") for each in alone]
    means = [each.mean_ms for each in known if each is not None and each.count]
    return steps.best.rps * min(means) / 1000 * (1.0 - kept) if means and kept <= KEPT else None


def _standing(recording: Recording, stands: Callable[[ServiceMeta, tuple[Frame, ...]], bool]) -> dict[int, float]:
    """By pid, where stacks were read: the mean number of threads of which that is so."""
    services = {meta.name: meta for meta in recording.meta.services}
    return {
        each.pid: sum(count for _, stack, count in each.samples if stands(services[each.service], stack))
        / max(1, hot.how_often(each))
        for one in recording.stacks
        if not one.on_cpu and one.service in services
        for each in [frames.with_results(services[one.service], one)]
    }
