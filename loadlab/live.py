"""What is seen while a run lasts: once a second, a Live, computed from the rows on their way into the recording.

Feed stands in front of the recorder: whatever a probe or the generator says goes there first, unchanged; then it is
counted for the screen. The screen judges nothing: verdicts come from the recording alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np

from loadlab.catalogue import units
from loadlab.load import OTHER, Listener, LoadInterval
from loadlab.probes import Row, Sink
from loadlab.recording.model import Entity, Metric

EVERY_S = 1.0
"""How often the audience hears: fast enough to watch, slow enough that drawing costs under 1% of a core."""

EVER_IDLE = 1
"""Samples of waiting for work from which on a thread counts as one that serves. One will do for a figure; verdicts
ask for more (signals/threads)."""

OWN = ("generator", "loadlab")
"""Reserved names of services: loadlab's own processes."""

TOO_MANY_NAMES = (
    "requests have too many names: those past the first hundreds are counted together as (other); give URLs with ids "
    "in them one name: self.client.get(url, name=...)"
)

NO_STAMPS = (
    "the kernel did not stamp the arrival of any answer: the time at which the generator read it counts instead, which "
    "is later where the generator is busy"
)
OWN_CLIENTS = (
    "these users have a client of their own (HttpUser, FastHttpUser): an answer counts as arrived when the generator "
    "reads it, which is later where the generator is busy; loadlab.load.WireHttpUser takes the kernel's time, and "
    "about a fifth of their CPU"
)
ENOUGH = 100
"""Answers after which that is said: the first of a machine may miss their stamps."""

STALE_S = 2.5
"""Older figures of the generator are not shown: a phase without load has no rate."""


@dataclass(frozen=True, slots=True)
class ServiceLive:
    """A service now. cpu_cores: CPU seconds per second of all its processes. loop_busy: share of time its busiest
    serving thread was not waiting for work, None where none was seen waiting yet. ended_cores: of cpu_cores, what was
    used by children that had ended before they were seen, as their parents were charged with it."""

    name: str
    cpu_cores: float
    loop_busy: float | None
    rss_bytes: float
    instances: int
    ended_cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Live:
    """The run now. `t`: seconds since its start. `errors`: failed requests so far, `error_share` of the last second.

    Latencies are those of the last second's successful requests; None where there were none.
    """

    t: float
    phase: str
    remaining_s: float
    users: int
    rps: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    services: tuple[ServiceLive, ...] = ()
    error_share: float = 0.0


class Audience(Protocol):
    """Who watches. Called from several threads, one call at a time per method."""

    def phase(self, name: str, ends_in_s: float | None) -> None:
        """A phase starts; None where its end is not known."""
        ...

    def tick(self, live: Live) -> None:
        """About once a second."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line: a service is ready, an instance died."""
        ...


class Recording(Sink, Listener, Protocol):
    """What Feed needs of the recorder."""

    def event(self, kind: str, **data: Any) -> None:
        """Something that happened once."""
        ...


class Watcher(Protocol):
    """Who else hears of the load as it comes, such as an export. Must return at once, and not raise."""

    def phase(self, name: str) -> None:
        """A phase starts."""
        ...

    def interval(self, interval: LoadInterval) -> None:
        """What the generator did between two moments."""
        ...


class Feed:
    """Implements probes.Sink, load.Listener and the phase half of Audience. Thread-safe.

    `columns` gives the names of a probe's columns, by default those its unit declares.
    """

    def __init__(
        self,
        recorder: Recording,
        audience: Audience,
        columns: Callable[[str], Sequence[str]] | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._recorder = recorder
        self._audience = audience
        self._columns = columns or declared
        self._watchers = tuple(watchers)
        self._lock = threading.Lock()
        self._processes = Counters()
        self._threads = Counters()
        self._load = Load()
        self._phase, self._phase_ends = "start", 0.0
        self._last = 0.0
        self._deaf = False
        self._said: set[str] = set()
        self._answered = self._stamped = self._connects = 0

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """The columns of a probe's rows."""
        self._recorder.declare(probe, metrics)

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        """One good tick of a probe."""
        ready = tuple(rows)
        self._recorder.rows(probe, t, ready, late_ms, cost_ms)
        if probe not in ("process", "threads"):
            return
        with self._lock:
            store = self._processes if probe == "process" else self._threads
            store.take(t, ready, self._columns(probe))
        if probe == "process":
            self._tell(t)

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """One tick of a probe that raised."""
        self._recorder.failed(probe, t, error, late_ms, cost_ms)

    def interval(self, interval: LoadInterval) -> None:
        """What the generator did between two moments."""
        self._recorder.interval(interval)
        for each in self._watchers:
            each.interval(interval)
        self._warn(interval)
        with self._lock:
            self._load.take(interval)
        self._tell(interval.end)

    def _warn(self, interval: LoadInterval) -> None:
        """What whoever reads the figures has to know, once."""
        self._answered += interval.succeeded
        self._stamped += interval.kernel_stamped
        self._connects += interval.connects  # of loadlab's own client only
        bare = self._answered >= ENOUGH and not self._stamped
        found = {
            TOO_MANY_NAMES: any(each.endpoint == OTHER for each in interval.endpoints),
            NO_STAMPS: bare and self._connects > 0,
            OWN_CLIENTS: bare and not self._connects,
        }
        for text in (each for each, holds in found.items() if holds and each not in self._said):
            self._said.add(text)
            self._recorder.event("note", text=text)
            self._audience.note(text)

    def phase(self, name: str, ends_in_s: float | None) -> None:
        """A phase starts: the audience hears of it, and each Live names it."""
        with self._lock:
            self._phase, self._phase_ends = name, max(self._last, self._load.end) + (ends_in_s or 0.0)
        for each in self._watchers:
            each.phase(name)
        self._audience.phase(name, ends_in_s)

    def _tell(self, t: float) -> None:
        with self._lock:
            if self._deaf or t - self._last < EVERY_S - 0.05:
                return
            live = self._live(t)
            self._last = t
        try:
            self._audience.tick(live)
        except Exception as error:  # noqa: BLE001 - a screen that breaks must not stop a probe, nor break in silence
            self._deaf = True
            self._recorder.event("note", text=f"the live screen stopped: {type(error).__name__}: {error}")

    def _live(self, t: float) -> Live:
        load = self._load.since_last(t)
        return Live(
            t=t,
            phase=self._phase,
            remaining_s=max(0.0, self._phase_ends - t),
            services=per_service(self._processes.differences(), self._threads.differences(), self._processes.gone),
            **load,
        )


class Load:
    """The generator's last second."""

    def __init__(self) -> None:
        self.end = 0.0
        self._errors = 0
        self._fresh: list[LoadInterval] = []
        self._shown: dict[str, Any] = _silence(0)

    def take(self, interval: LoadInterval) -> None:
        """One more interval."""
        self._fresh.append(interval)
        self._errors += interval.failed
        self.end = max(self.end, interval.end)

    def since_last(self, t: float) -> dict[str, Any]:
        """The fields of Live that are the generator's. Where nothing new came, the last, until they are stale."""
        if self._fresh:
            self._shown = _figures(self._fresh, self._errors)
            self._fresh = []
        elif t - self.end > STALE_S:
            self._shown = _silence(self._errors)
        return self._shown


def _silence(errors: int) -> dict[str, Any]:
    return {"users": 0, "rps": 0.0, "p50_ms": None, "p99_ms": None, "errors": errors, "error_share": 0.0}


def _figures(intervals: Sequence[LoadInterval], errors: int) -> dict[str, Any]:
    seconds = sum(each.end - each.start for each in intervals)
    good, bad = sum(each.succeeded for each in intervals), sum(each.failed for each in intervals)
    p50, p99 = _percentiles(intervals)
    return {
        "users": intervals[-1].users,
        "rps": good / seconds if seconds > 0 else 0.0,
        "p50_ms": p50,
        "p99_ms": p99,
        "errors": errors,
        "error_share": bad / (good + bad) if good + bad else 0.0,
    }


def _percentiles(intervals: Sequence[LoadInterval]) -> tuple[float | None, float | None]:
    arrays = [
        np.asarray(each.latency_us)
        for interval in intervals
        for each in interval.endpoints
        if each.result == "ok" and len(each.latency_us)
    ]
    if not arrays:
        return None, None
    p50, p99 = np.percentile(np.concatenate(arrays), (50, 99)) / 1000
    return float(p50), float(p99)


@dataclass(slots=True)
class Change:
    """What one entity's row said now, and how far each column moved since the audience heard last."""

    now: dict[str, float]
    moved: dict[str, float]
    seconds: float


@dataclass(slots=True)
class Counters:
    """The last rows of a probe, and those the audience saw before."""

    t: float = 0.0
    is_fresh: bool = False
    found: Mapping[Entity, Change] = field(default_factory=dict)
    gone: Mapping[Entity, dict[str, float]] = field(default_factory=dict)
    """What the audience last knew of entities that have ended since."""
    last: dict[Entity, tuple[float, ...]] = field(default_factory=dict)
    before: dict[Entity, tuple[float, tuple[float, ...]]] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def take(self, t: float, rows: Iterable[Row], names: Sequence[str]) -> None:
        """One tick's rows; entities that are not in it are gone."""
        self.t, self.names, self.is_fresh = t, tuple(names), True
        self.last = {entity: tuple(0.0 if each is None else each for each in values) for entity, values in rows}
        for entity, values in self.last.items():
            self.before.setdefault(entity, (t, values))

    def differences(self) -> Mapping[Entity, Change]:
        """Since the last call, or what it gave where no tick came since. An entity first seen since then moved from
        its first row on."""
        if self.is_fresh:
            self.found = {entity: self._change(entity, values) for entity, values in self.last.items()}
            ended = (each for each in self.before.items() if each[0] not in self.last)
            self.gone = {entity: dict(zip(self.names, values, strict=True)) for entity, (_, values) in ended}
            self.before = {entity: (self.t, values) for entity, values in self.last.items()}
            self.is_fresh = False
        return self.found

    def _change(self, entity: Entity, values: tuple[float, ...]) -> Change:
        t, old = self.before[entity]
        moved = (max(0.0, new - was) for new, was in zip(values, old, strict=True))
        return Change(dict(zip(self.names, values, strict=True)), dict(zip(self.names, moved, strict=True)), self.t - t)


def per_service(
    processes: Mapping[Entity, Change],
    threads: Mapping[Entity, Change],
    gone: Mapping[Entity, Mapping[str, float]],
) -> tuple[ServiceLive, ...]:
    """One row a service, in the order of the probe's rows; loadlab's own come last."""
    names = dict.fromkeys(each.service for each in processes)
    ordered = sorted(names, key=lambda name: OWN.index(name) if name in OWN else -1)
    return tuple(_service(name, processes, threads, gone) for name in ordered)


def _service(
    name: str,
    processes: Mapping[Entity, Change],
    threads: Mapping[Entity, Change],
    gone: Mapping[Entity, Mapping[str, float]],
) -> ServiceLive:
    mine = {entity: change for entity, change in processes.items() if entity.service == name}
    cores = sum(
        (each.moved["cpu_user_s"] + each.moved["cpu_system_s"]) / each.seconds
        for each in mine.values()
        if each.seconds > 0
    )
    ended = _ended(mine.values(), [each for entity, each in gone.items() if entity.service == name])
    ended = 0.0 if name in OWN else ended  # loadlab is the parent of whole instances, which were watched
    busy = [_loop_busy(threads, entity.pid) for entity in mine]
    return ServiceLive(
        name=name,
        cpu_cores=cores + ended,
        loop_busy=max((each for each in busy if each is not None), default=None),
        rss_bytes=sum(each.now["rss_bytes"] for each in mine.values()),
        instances=len({each.instance for each in mine}),
        ended_cores=ended,
    )


def _ended(alive: Collection[Change], gone: Iterable[Mapping[str, float]]) -> float:
    """Cores that parents were charged with for children that ended, less what was seen of those while they ran. As in
    signals/ended."""
    used = ("ended_user_s", "ended_system_s")
    charged = sum(sum(each.moved[name] for name in used) / each.seconds for each in alive if each.seconds > 0)
    seconds = max((each.seconds for each in alive), default=0.0)
    seen = sum(sum(each[name] for name in (*used, "cpu_user_s", "cpu_system_s")) for each in gone)
    return max(0.0, charged - seen / seconds) if seconds > 0 else 0.0


def _loop_busy(threads: Mapping[Entity, Change], pid: int) -> float | None:
    """Of the thread of a process that waited for work most often since the run began. Where several take turns in
    epoll, a futex is where they wait for it."""
    mine = [each for entity, each in threads.items() if entity.pid == pid]
    serving = max(mine, key=lambda each: _idle(each.now), default=None)
    if serving is None or _idle(serving.now) < EVER_IDLE or serving.moved["samples"] <= 0:
        return None
    turns = sum(each.now["idle_epoll"] >= EVER_IDLE for each in mine) > 1
    idle = _idle(serving.moved) + (serving.moved["futex"] if turns else 0.0)
    return max(0.0, 1.0 - idle / serving.moved["samples"])


def _idle(columns: Mapping[str, float]) -> float:
    return columns["idle_epoll"] + columns["idle_accept"]


@cache
def declared(probe: str) -> tuple[str, ...]:
    """The names of a probe's columns, in order."""
    return tuple(each.name for each in units("probes")[probe].METRICS)
