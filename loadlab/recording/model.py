"""A recording as a value: what a run saw, raw. Nothing in it is derived, nothing comes from the reader's machine.

Times `t` are seconds since the run's start (CLOCK_MONOTONIC). Counters are as the kernel or the server gave them: they
only ever grow, and signals/ takes differences. NaN in a series means the source could not tell at that tick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FORMAT = 1


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """What a row of samples is about. Unused parts stay at their defaults.

    kind: "host" | "core" | "process" | "thread" | "cgroup" | "listener" | "edge" | "wait" | "upstream" |
    "generator" | "server" | "statement" | "scan" | "table" | "lock" | "command" | "queue" | "scaler" |
    "destination" | "file"
    service, instance: whose it is; service is "" for the host, "generator" for the load generator, "loadlab" for
    loadlab itself. name: of a process its command line, of a thread its comm, of a core "cpu0", of a listener
    "127.0.0.1:8000", of an edge the service at its other end, of an upstream its address; of a statement its text on
    one line, of a table "schema.table"; of a scan and of a lock several of these, a line each; of a
    command "keys", of a queue "orders". A destination is a port that connections are made to: "127.0.0.1:8000"; a
    file is one that the process locked, by its path.
    """

    kind: str
    service: str = ""
    instance: int = 0
    pid: int = 0
    tid: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of a probe's table. kind: "counter" (only grows) or "gauge"."""

    name: str
    unit: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one entity. `t` strictly increases; `v` has the same length."""

    entity: Entity
    metric: str
    t: Floats
    v: Floats

    def between(self, start: float, end: float) -> Series:
        """The part with start <= t <= end."""
        keep = (self.t >= start) & (self.t <= end)
        return Series(self.entity, self.metric, self.t[keep], self.v[keep])


@dataclass(frozen=True, slots=True)
class Ticks:
    """One probe's own account: when it read, how late, at what cost in CPU seconds, and what failed."""

    t: Floats
    late_ms: Floats
    cost_ms: Floats
    errors: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run: "start" | "warmup" | "search" | "breakpoint" | "steps" | "before" (a spike) | "steady" |
    "after" (a spike) | "stacks" | "more_users" | "proof" | "drain" (no load) | "stop". `end` is the last second seen
    where the run was cut off."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch at one number of users, warm-up of the level already cut away. rate: of the open model, what was asked
    for: requests per second, or tasks of a locustfile; `users` is 0 there."""

    users: int
    start: float
    end: float
    phase: str = "search"
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened once. kind: "started" | "ready" | "exited" | "worker_exited" | "restarted" |
    "listening" | "slowed" | "trial" | "tried" | "note" | "alive"; of the load "knee", "broke", "replay"; of a scaled
    service also "scaled" (a decision, about this instance), "joined" (it takes requests), "left".

    `data` of "scaled": {"direction": "out" | "in", "metric": str, "value": float | None, "limit": float,
    "before": int, "after": int, "why": str}: instances that serve before it, and after it is carried out;
    of "alive": {"seconds": float, "before": int, "after": int}, bytes that its own collector left alive when asked to
    collect twice, so many seconds apart at constant load;
    of "exited": {"code": int | None, "signal": int | None, "expected": bool, "last_lines": [str]};
    of "worker_exited", a process that an instance had forked to run its own program in, and that loadlab told nothing:
    {"code": int | None, "signal": int | None, "lived_s": float (since it was first seen)};
    of "knee": the fields of load.search.Knee; of "broke": what load.breaking.facts says; of "replay": {"sent",
    "skipped", "unread", "left": int, "seconds", "speed": float};
    of "slowed": {"candidate": str, "start": float, "end": float, "share": float, "completed": int}: requests completed
    between start and end, while the candidate was stopped for this share of the time; candidate "" for an undisturbed
    window;
    of "trial", one: a remedy tried or not, {"kind": str, "service": str, "step": str, "says": str, "why": str (why it
    was not tried, else ""), "times": float | None (how much wider the change makes the place), "users": int};
    of "tried": {"variant": "before" | "after", "round": int, "start": float, "end": float, "completed": int,
    "failed": int}, a window in which one of the two systems was under load.
    """

    t: float
    kind: str
    service: str = ""
    instance: int = 0
    pid: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestInterval:
    """What one endpoint did in one interval (a second, unless a phase ended), one result ("ok" or "fail").

    Percentiles here are of latency from the intended start to the arrival in the kernel, in milliseconds; exact
    histograms of any window come from `Recording.histograms`.
    """

    start: float
    end: float
    endpoint: str
    result: str
    count: int
    sum_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Latencies of a window in milliseconds, from merged histograms (HdrHistogram, 3 digits)."""

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One kind of failed request: how often, when first and last, and one full sample of the message."""

    endpoint: str
    error: str
    count: int
    first: float
    last: float
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a stack. `line` is the line being executed, 0 where unknown."""

    function: str
    file: str
    line: int


COLLECTOR = "(garbage collector)"
"""V8's name for a frame within a collection: the innermost one."""

THREAD_STATES = (
    "running", "idle_epoll", "idle_accept", "futex", "sleep", "socket_wait", "file_io", "lock_file", "wait_child",
    "other",
)  # fmt: skip
"""What one look finds a thread doing: the columns of threads.csv.gz that count looks."""

PIPE, FULL_PIPE = "pipe", "full pipe"
"""What a thread is stopped at: a pipe; one that it stands in a write to, as it is full until somebody reads."""

MONITOR = "(monitor)"
"""Below the frame of Java's that asks for a monitor (`synchronized`) another thread has."""

PLATFORM, LIBRARY = "jvm:", "jar:"
"""Before a file's name: of Java's own code, of a Java library's."""

COMPILED = "native:"
"""The same of compiled programs: of a language's own library, of a package's, of a shared library."""


NATIVE = "native"
"""Mode of stacks of compiled programs. It tells where they use the CPU, not where threads stand."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """Samples of one process: (frames outermost first, count). `thread` is the profiler's name of the thread."""

    service: str
    instance: int
    pid: int
    mode: str
    """Of Python (py-spy): "gil", threads that hold the interpreter lock, and "all", wherever threads stand. Of Node
    (V8): "cpu", where the main thread ran, and "still", where it stood in a call. Of Java (HotSpot) the same of all
    threads, whose names end in the kernel's number of each: "worker (4711)". Of compiled programs "native": where any
    of their threads used the CPU."""
    samples: tuple[tuple[str, tuple[Frame, ...], int], ...]

    @property
    def on_cpu(self) -> bool:
        """Whether these samples are of where CPU goes; else of where time goes."""
        return self.mode in ("gil", "cpu", NATIVE)


@dataclass(frozen=True, slots=True)
class ServiceMeta:
    """A service as it was run; enough to judge and to draw, without the user's files."""

    name: str
    role: str
    unit: str
    instances: int
    command: tuple[str, ...] = ()
    cwd: str = ""
    ports: tuple[int, ...] = ()
    upstream: str = ""
    uses: tuple[str, ...] = ()
    """Other services named in its placeholders: who it may call."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    autoscale: Mapping[str, Any] = field(default_factory=dict)
    """As in loadlab.toml, defaults filled in; empty where `instances` stay what they are. Of a scaled service
    `instances` is how many there can be."""
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Meta:
    """run.json, without the timeline."""

    format: int
    name: str
    started_at: str
    loadlab: str
    target: str
    services: tuple[ServiceMeta, ...]
    profile: Mapping[str, Any]
    machine: Mapping[str, Any]
    """cores (int: those this process may use), memory_bytes, kernel, python, platform, cpu_model, cgroup
    (v1|v2|none), clock_ticks."""
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)


class Recording:
    """Everything a run saw. Immutable by convention; built by `recording.reader.read` or by a test."""

    def __init__(
        self,
        meta: Meta,
        *,
        series: Mapping[str, tuple[Series, ...]] | None = None,
        ticks: Mapping[str, Ticks] | None = None,
        phases: tuple[Phase, ...] = (),
        levels: tuple[Level, ...] = (),
        events: tuple[Event, ...] = (),
        requests: tuple[RequestInterval, ...] = (),
        errors: tuple[ErrorKind, ...] = (),
        stacks: tuple[Stacks, ...] = (),
        histograms: HistogramSource | None = None,
    ) -> None:
        self.meta = meta
        self.ticks = dict(ticks or {})
        self.phases = phases
        self.levels = levels
        self.events = events
        self.requests = requests
        self.errors = errors
        self.stacks = stacks
        self._series = dict(series or {})
        self._histograms = histograms

    def series(self, metric: str, **where: Any) -> tuple[Series, ...]:
        """All series of "probe.metric", narrowed by fields of Entity: series("process.cpu_user_s", service="app")."""
        found = self._series.get(metric, ())
        if not where:
            return tuple(found)
        return tuple(each for each in found if all(getattr(each.entity, key) == value for key, value in where.items()))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all series, sorted."""
        return tuple(sorted(self._series))

    def phase(self, name: str) -> Phase | None:
        """The last phase of that name."""
        return next((each for each in reversed(self.phases) if each.name == name), None)

    @property
    def end(self) -> float:
        """The last second seen."""
        return max((each.end for each in self.phases), default=0.0)

    def quantiles(
        self, start: float, end: float, *, what: str = "latency", endpoint: str | None = None, result: str | None = None
    ) -> Quantiles | None:
        """Percentiles of a window; None where nothing was recorded.

        what: "latency" (intended start to kernel arrival) | "uncorrected" (actual start to arrival) | "schedule_lag"
        | "reader_lag".
        """
        if self._histograms is None:
            return None
        return self._histograms.quantiles(start, end, what=what, endpoint=endpoint, result=result)


class HistogramSource(ABC):
    """Where exact percentiles of any window come from; reader.py has the one over requests.hlog."""

    @abstractmethod
    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None, result: str | None
    ) -> Quantiles | None:
        """See Recording.quantiles."""
