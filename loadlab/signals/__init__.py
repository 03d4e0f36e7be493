"""7 WHAT IT SAYS. Raw counters become statements about the system: cores used, loop busy, who waits for whom. Pure.

`Signals(recording)` computes each one when first asked. A signal whose data are not there raises Missing with the
reason;
diagnosis/apply turns that into Unknown. `narrow` gives a rule what it declared and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import cast

from loadlab.recording.model import Meta, Recording
from loadlab.signals import (
    affinity,
    backends,
    background,
    balancers,
    caches,
    calls,
    churn,
    collecting,
    course,
    cpu,
    databases,
    denials,
    disk,
    draining,
    edges,
    elasticity,
    file_locks,
    files,
    growing,
    headroom,
    host,
    hot,
    lanes,
    languages,
    latency,
    life,
    measurement,
    memory,
    pieces,
    pipes,
    pressure,
    querying,
    queues,
    quota,
    refusals,
    saturation,
    scaling,
    sends,
    sockets,
    source_ports,
    stalls,
    stampedes,
    starting,
    stations,
    threads,
    trial,
    waiting,
    work,
    workers,
)
from loadlab.signals.hot import Line
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured

__all__ = ["Missing", "Signals", "Undeclared"]


class Undeclared(AttributeError):
    """A rule asked for a signal it did not declare: a defect of the rule."""


class Signals:
    """Every signal of one recording, computed once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @property
    def meta(self) -> Meta:
        """What ran, on what machine. Free to every rule."""
        return self._recording.meta

    @cached_property
    def window(self) -> Window:
        """The measured window. Free to every rule."""
        return measured(self._recording)

    @cached_property
    def saturation(self) -> saturation.Saturation:
        """Throughput against users; was a limit reached at all?"""
        return saturation.compute(self._recording)

    @cached_property
    def course(self) -> course.Course:
        """How the load went: the knee, what broke, how a spike was borne."""
        return course.compute(self._recording)

    @cached_property
    def latency(self) -> latency.Latency:
        """Throughput, errors and percentiles of the measured window."""
        return latency.compute(self._recording)

    @cached_property
    def cpu(self) -> cpu.Cpu:
        """Cores used and run delay, per service, instance and process."""
        return cpu.compute(self._recording)

    @cached_property
    def background(self) -> frozenset[str]:
        """Services that work for themselves, whatever is asked of the system."""
        return background.compute(self._recording)

    @cached_property
    def threads(self) -> threads.Threads:
        """What each thread did with its time: running, idle, blocked on what."""
        return threads.compute(self._recording)

    @cached_property
    def stations(self) -> stations.Stations:
        """Each process as a station: how full, and of what."""
        return stations.compute(self._recording)

    @cached_property
    def pipes(self) -> pipes.Pipes:
        """Who reads pipes."""
        return pipes.compute(self._recording)

    @cached_property
    def workers(self) -> workers.Crew:
        """The threads that serve: at work, in line for a lock; and requests served at once."""
        return workers.compute(self._recording)

    @cached_property
    def host(self) -> host.Host:
        """The machine: busy cores, steal, and who else used it."""
        return host.compute(self._recording)

    @cached_property
    def headroom(self) -> headroom.Headroom:
        """How far each station is from its own limit, by the bottleneck law."""
        return headroom.compute(self._recording)

    @cached_property
    def affinity(self) -> tuple[affinity.Pinned, ...]:
        """Processes that are kept to some of the cores."""
        return affinity.compute(self._recording)

    @cached_property
    def quota(self) -> quota.Quotas:
        """CPU quotas and how often they throttled."""
        return quota.compute(self._recording)

    @cached_property
    def memory(self) -> memory.Memory:
        """Resident memory over the run, its growth per request, limits and kills."""
        return memory.compute(self._recording)

    @cached_property
    def files(self) -> files.Files:
        """Open files against their limit, per process."""
        return files.compute(self._recording)

    @cached_property
    def disk(self) -> disk.Disk:
        """Threads that wait for a disk, by service; and how much the machine does."""
        return disk.compute(self._recording)

    @cached_property
    def draining(self) -> draining.Draining:
        """What services go on with when no request is under way any more."""
        return draining.compute(self._recording)

    @cached_property
    def collecting(self) -> tuple[collecting.Collecting, ...]:
        """What garbage collection takes of each service's CPU, where its runtime tells."""
        return collecting.compute(self._recording)

    @cached_property
    def file_locks(self) -> tuple[file_locks.FileLock, ...]:
        """Locks on files: how long held, how many threads wait for each."""
        return file_locks.compute(self._recording)

    @cached_property
    def sockets(self) -> sockets.Sockets:
        """Accept queues against their backlog; overflows of the host."""
        return sockets.compute(self._recording)

    @cached_property
    def edges(self) -> edges.Edges:
        """Who calls whom, and how many requests are outstanding on each edge."""
        found = edges.compute(self._recording)
        try:
            shared = self.workers.shared
        except Missing:
            return found
        for to, requests in shared.items():
            found = found.carrying(to, requests)
        return found

    @cached_property
    def calls(self) -> tuple[calls.Calls, ...]:
        """How often services call each other, and how long a call takes."""
        return calls.compute(self._recording)

    @cached_property
    def sends(self) -> sends.Sends:
        """By service: answers on their way out, and what holds them."""
        return sends.compute(self._recording)

    @cached_property
    def pieces(self) -> tuple[pieces.Pieces, ...]:
        """Who sends in pieces, and waits for an acknowledgement between them."""
        return pieces.compute(self._recording)

    @cached_property
    def source_ports(self) -> tuple[source_ports.Destination, ...]:
        """Local ports taken by connections to each destination."""
        return source_ports.compute(self._recording)

    @cached_property
    def growing(self) -> dict[str, growing.Growth]:
        """Services whose requests cost more the more were answered."""
        return growing.compute(self._recording)

    @cached_property
    def churn(self) -> churn.Churn:
        """New connections per request, per edge."""
        return churn.compute(self._recording)

    @cached_property
    def backends(self) -> backends.Backends:
        """How requests and time are shared among the instances of a service."""
        return backends.compute(self._recording)

    @cached_property
    def databases(self) -> databases.Databases:
        """PostgreSQL servers from within: sessions, statements, plans, locks, replicas."""
        return databases.compute(self._recording)

    @cached_property
    def pressure(self) -> dict[str, pressure.Pressure]:
        """By database: how much of a request's time is spent in it."""
        return pressure.compute(self._recording)

    @cached_property
    def querying(self) -> querying.Querying:
        """Where the user's code asks a database, or waits for a connection to it: function, file, line."""
        return querying.compute(self._recording)

    @cached_property
    def balancers(self) -> balancers.Balancers:
        """Requests that queue in a balancer, and its limits of connections."""
        return balancers.compute(self._recording)

    @cached_property
    def refusals(self) -> refusals.Refusals:
        """Requests turned away with 429 or 503: how many, how quickly, by whom."""
        return refusals.compute(self._recording)

    @cached_property
    def caches(self) -> caches.Caches:
        """Hit rates, evictions and the commands of each cache."""
        return caches.compute(self._recording)

    @cached_property
    def stalls(self) -> tuple[stalls.Stall, ...]:
        """Seconds in which hardly anything is answered while a process computes, and which of its threads do."""
        return stalls.compute(self._recording)

    @cached_property
    def stampedes(self) -> tuple[stampedes.Stampede, ...]:
        """By cache: misses that come in bursts, and what throughput does meanwhile."""
        return stampedes.compute(self._recording)

    @cached_property
    def queues(self) -> queues.Queues:
        """Messages that wait in each queue, and how their number grows."""
        return queues.compute(self._recording)

    @cached_property
    def scaling(self) -> tuple[scaling.Scaled, ...]:
        """Instances that a scaler added and took away, why, and how users fared meanwhile."""
        return scaling.compute(self._recording)

    @cached_property
    def lanes(self) -> Mapping[str, lanes.Lane]:
        """By service: the one kind of requests that goes there, of several."""
        return lanes.compute(self._recording)

    @cached_property
    def denials(self) -> denials.Denials:
        """Requests denied for want of a session, by endpoint and by instance."""
        return denials.compute(self._recording)

    @cached_property
    def waiting(self) -> waiting.Waiting:
        """Who waits for whom: services, addresses, files, locks."""
        return waiting.compute(self._recording)

    @cached_property
    def trial(self) -> trial.Trial | None:
        """What a remedy brought when it was tried; None where none was."""
        return trial.compute(self._recording)

    @cached_property
    def languages(self) -> Mapping[str, str]:
        """The language of each service, where anything tells it."""
        return languages.compute(self._recording)

    @cached_property
    def life(self) -> life.Life:
        """Exits and restarts under load."""
        return life.compute(self._recording)

    @cached_property
    def hot(self) -> hot.Hot:
        """Where the user's code spends CPU, and where its threads stand still: function, file, line."""
        return hot.compute(self._recording)

    @cached_property
    def starting(self) -> dict[str, Line]:
        """By service: the user's line that starts other programs."""
        return starting.compute(self._recording)

    @cached_property
    def work(self) -> work.Work:
        """CPU that goes into compressing and into TLS handshakes."""
        return work.compute(self._recording)

    @cached_property
    def measurement(self) -> measurement.Measurement:
        """The instrument's own account: generator, probes, observer."""
        return measurement.compute(self._recording)

    @cached_property
    def elasticity(self) -> dict[str, elasticity.Elasticity]:
        """What slowing each candidate did to throughput; empty where no experiment was made."""
        return elasticity.elasticities(self._recording)


class _Narrow:
    """The part of Signals that a rule declared."""

    def __init__(self, signals: Signals, names: Iterable[str]) -> None:
        self._signals = signals
        self._names = frozenset(names) | {"meta", "window"}

    def __getattr__(self, name: str) -> object:
        if name not in self._names:
            raise Undeclared(f"signal {name!r} is not in NEEDS or USES")
        return getattr(self._signals, name)


def narrow(signals: Signals, names: Iterable[str]) -> Signals:
    """`signals`, but only those named; any other raises Undeclared."""
    return cast(Signals, _Narrow(signals, names))
