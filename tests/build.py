"""Recordings made from a few numbers, with seeded noise: what rule tests are tables of.

    system(app=Proc(cores=0.97, busy=0.99), host_cores=2)

A Proc describes steady behaviour; the builder writes the raw counters a probe would have recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from loadlab.recording.model import (
    Entity,
    ErrorKind,
    Event,
    Floats,
    Frame,
    HistogramSource,
    Level,
    Meta,
    Phase,
    Quantiles,
    Recording,
    RequestInterval,
    Series,
    ServiceMeta,
    Stacks,
    Ticks,
)

SEARCH = (4.0, 20.0)
STEADY = (20.0, 32.0)
STACKS = (32.0, 38.0)
END = 56.0


@dataclass
class Thread:
    """A thread: cores, run delay, and shares of its samples. What the shares leave is `other`."""

    cores: float = 0.0
    run_delay: float = 0.0
    share: dict[str, float] = field(default_factory=dict)
    early_idle: str = ""
    """The state it idled in before the window: "idle_epoll", "idle_accept", or "futex"."""
    runs_per_s: float | None = None
    """Times it is put on a CPU; None: not recorded."""
    watches: int | None = None
    """Connections its epoll watches; None: not recorded."""


@dataclass
class Proc:
    """A process. Without threads it gets one event loop that is busy `busy` of the time."""

    cores: float = 0.1
    system: float = 0.02
    busy: float | None = None
    run_delay: float = 0.0
    rss: tuple[float, float] = (50e6, 50e6)
    fds: float = 20
    fd_limit: float = 1024
    switches: float = 100
    major_faults: float = 0.0
    ended: float = 0.0
    """Cores of children that ended, as its account has them; 0: not recorded."""
    instance: int = 0
    threads: list[Thread] | None = None
    allowed: tuple[float, float] | None = None
    """How many cores it may run on, and the lowest of them; None: not recorded."""

    def states(self) -> list[Thread]:
        """Its threads."""
        if self.threads is not None:
            return self.threads
        busy = self.busy if self.busy is not None else min(1.0, self.cores + self.run_delay)
        running = min(busy, self.cores + self.run_delay)
        share = {"running": running, "idle_epoll": 1 - busy, "other": max(0.0, busy - running)}
        return [Thread(self.cores, self.run_delay, share, "idle_epoll")]


def loop(cores: float, *, blocked: dict[str, float] | None = None, idle: float = 0.0, run_delay: float = 0.0) -> Thread:
    """An event loop: `cores` running, `blocked` by state, `idle` in epoll."""
    return Thread(cores, run_delay, {"running": cores + run_delay, "idle_epoll": idle, **(blocked or {})}, "idle_epoll")


class Fixed(HistogramSource):
    """The same percentiles for every window."""

    def __init__(self, p50_ms: float = 5.0, p99_ms: float = 20.0, lag_ms: float = 0.2) -> None:
        self.p50_ms, self.p99_ms, self.lag_ms = p50_ms, p99_ms, lag_ms

    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None, result: str | None
    ) -> Quantiles | None:
        if what.endswith("lag"):
            return Quantiles(1000, self.lag_ms / 2, self.lag_ms / 2, self.lag_ms, self.lag_ms, self.lag_ms, self.lag_ms)
        return Quantiles(
            1000, self.p50_ms * 1.1, self.p50_ms, self.p99_ms * 0.8, self.p99_ms * 0.9, self.p99_ms, self.p99_ms * 1.5
        )


TIMES: Floats = np.arange(0.0, END + 0.01, 0.5)


@cache
def _grown(low: float, per_s: float) -> Floats:
    """A counter without noise; many have the same rates."""
    rates = np.where(TIMES[1:] > STEADY[0], per_s, low) * 0.5
    found: Floats = np.concatenate([[0.0], np.cumsum(rates)])
    return found


class Builder:
    """Collects series; `recording` gives the value."""

    def __init__(self, *, noise: float = 0.0, seed: int = 1, cores: int = 2, memory_bytes: float = 8e9) -> None:
        self.random = np.random.default_rng(seed)
        self.noise = noise
        self.cores = cores
        self.memory_bytes = memory_bytes
        self.t: Floats = TIMES
        self.series: dict[str, list[Series]] = {}
        self.services: dict[str, ServiceMeta] = {}
        self.requests: list[RequestInterval] = []
        self.levels: list[Level] = []
        self.events: list[Event] = []
        self.stacks: list[Stacks] = []
        self.errors: list[ErrorKind] = []
        self.profile: dict[str, Any] = {"model": "closed", "shape": "ramp"}
        self.target = "app"
        self.users = 16
        self.pid = 100
        self.histograms: HistogramSource = Fixed()
        self.drain_s = 0.0
        """Of the end, without load."""

    def add(self, metric: str, entity: Entity, values: Floats) -> None:
        """A series as it stands."""
        self.series.setdefault(metric, []).append(Series(entity, metric, self.t, np.asarray(values, dtype=float)))

    def counter(self, metric: str, entity: Entity, per_s: float, *, before: float | None = None) -> None:
        """A counter that grows `per_s` each second from the steady phase on, `before` (default: half) before that."""
        low = per_s / 2 if before is None else before
        if not self.noise:
            self.add(metric, entity, _grown(low, per_s).copy())
            return
        rates = np.where(TIMES[1:] > STEADY[0], per_s, low) * 0.5
        rates *= np.maximum(1 + self.noise * self.random.standard_normal(len(rates)), 0)
        self.add(metric, entity, np.concatenate([[0.0], np.cumsum(rates)]))

    def gauge(self, metric: str, entity: Entity, value: float) -> None:
        """A gauge around one value."""
        values = np.full(len(self.t), float(value))
        if self.noise:
            values *= 1 + self.noise * 0.2 * self.random.standard_normal(len(self.t))
        self.add(metric, entity, values)

    def service(self, name: str, *processes: Proc, role: str = "app", **meta: Any) -> Builder:
        """A service and its processes."""
        instances = max((each.instance for each in processes), default=0) + 1
        meta.setdefault("cwd", "/srv/" + name)
        self.services[name] = ServiceMeta(
            name, role, meta.pop("unit", "command"), meta.pop("instances", instances), **meta
        )
        for each in processes:
            self.process(name, each)
        return self

    def process(self, name: str, proc: Proc) -> None:
        """Rows of the probes process and threads."""
        self.pid += 10
        entity = Entity("process", name, proc.instance, self.pid, 0, f"python {name}")
        self.counter("process.cpu_user_s", entity, max(0.0, proc.cores - proc.system))
        self.counter("process.cpu_system_s", entity, min(proc.system, proc.cores))
        self.counter("process.run_delay_s", entity, proc.run_delay)
        self.counter("process.voluntary_switches", entity, proc.switches)
        self.counter("process.major_faults", entity, proc.major_faults)
        if proc.ended:
            self.counter("process.ended_user_s", entity, proc.ended * 0.6)
            self.counter("process.ended_system_s", entity, proc.ended * 0.4)
        if proc.allowed is not None:
            self.add("process.allowed_cores", entity, np.full(len(self.t), proc.allowed[0]))
            self.add("process.first_core", entity, np.full(len(self.t), proc.allowed[1]))
        grown = np.interp(self.t, [STEADY[0], STACKS[1]], proc.rss)
        self.add("process.rss_bytes", entity, grown)
        self.gauge("process.threads", entity, len(proc.states()))
        self.add("process.fds", entity, np.full(len(self.t), proc.fds))
        self.add("process.fd_limit", entity, np.full(len(self.t), proc.fd_limit))
        for index, thread in enumerate(proc.states()):
            self.thread(Entity("thread", name, proc.instance, self.pid, self.pid + index, f"t{index}"), thread)

    def thread(self, entity: Entity, thread: Thread, per_s: float = 50.0) -> None:
        """Rows of the probe threads."""
        self.counter("threads.samples", entity, per_s, before=per_s)
        rest = max(0.0, 1.0 - sum(thread.share.values()))
        states = ("running", "idle_epoll", "idle_accept", "futex", "sleep", "socket_wait", "file_io", "lock_file")
        for state in states:
            before = per_s * 0.5 if state == thread.early_idle else 0.0
            self.counter(f"threads.{state}", entity, per_s * thread.share.get(state, 0.0), before=before)
        self.counter("threads.other", entity, per_s * (thread.share.get("other", 0.0) + rest))
        self.counter("threads.cpu_s", entity, thread.cores)
        self.counter("threads.run_delay_s", entity, thread.run_delay)
        if thread.runs_per_s is not None:
            self.counter("threads.runs", entity, thread.runs_per_s)
        if thread.watches is not None:
            self.gauge("threads.watches", entity, thread.watches)

    def passing(self, at_a_time: float, share: dict[str, float], looks_per_s: float = 20.0) -> Builder:
        """Threads of the last process that come and go, in one row."""
        entity = Entity("thread", list(self.services)[-1], 0, self.pid, 0, "passing")
        self.thread(entity, Thread(share=share), at_a_time * looks_per_s)
        self.counter("threads.looks", entity, looks_per_s)
        self.counter("threads.alive", entity, at_a_time * looks_per_s)
        return self

    def load(self, rps: float = 200.0, *, failed: float = 0.0, growth: float = 1.02, users: int = 16) -> Builder:
        """Levels of a search that ends at `users` with the given growth, and a steady phase at `rps`."""
        self.users = users
        steps = [each for each in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if each <= users]
        width = (SEARCH[1] - SEARCH[0]) / len(steps)
        for index, level in enumerate(steps):
            start = SEARCH[0] + index * width
            # The last doubling has the growth asked for, earlier ones are nearly linear.
            behind = len(steps) - 1 - index
            level_rps = rps if behind == 0 else rps / growth / 1.8 ** (behind - 1)
            self.levels.append(Level(level, start, start + width))
            self._second(start, start + width, level_rps, failed, level)
        self.levels.append(Level(users, *STEADY, phase="steady"))
        for start in np.arange(STEADY[0], END, 1.0):
            self._second(float(start), float(start) + 1, rps, failed, users)
        return self

    def _second(self, start: float, end: float, rps: float, failed: float, waiting: float) -> None:
        """By Little's law answers took as long as `waiting` users make it."""
        wobble = max(0.0, 1 + self.noise * float(self.random.standard_normal()))
        for result, rate in (("ok", rps * wobble), ("fail", failed)):
            if rate > 0:
                count = max(1, round(rate * (end - start)))
                sum_ms = 1000 * waiting * (end - start) * rate / (rps + failed)
                self.requests.append(RequestInterval(start, end, "GET /", result, count, sum_ms, 5, 9, 20, 30))

    def generator(self, cores: float = 0.1, *, connects: float = 0.0, in_flight: float | None = None) -> Builder:
        """The generator's process and its own counters."""
        self.process("generator", Proc(cores=cores))
        entity = Entity("generator", "generator")
        self.counter("generator.connects", entity, connects)
        self.counter("generator.sent", entity, 200)
        self.counter("generator.succeeded", entity, 200)
        self.counter("generator.kernel_stamped", entity, 200)
        self.gauge("generator.users", entity, self.users)
        self.gauge("generator.in_flight", entity, self.users if in_flight is None else in_flight)
        return self

    def host(self, *, others: float = 0.0, steal: float = 0.0, idle: float | None = None) -> Builder:
        """The host: idle is what the processes so far and the strangers leave."""
        used = self._used()
        entity = Entity("host")
        self.counter("host.cpu_user_s", entity, used + others)
        left = max(0.0, self.cores - used - others - steal) if idle is None else idle
        self.counter("host.cpu_idle_s", entity, left)
        self.counter("host.cpu_steal_s", entity, steal)
        return self

    def _used(self) -> float:
        window = (self.t >= STEADY[0] + 1) & (self.t <= STEADY[1])
        total = 0.0
        for name in ("cpu_user_s", "cpu_system_s", "ended_user_s", "ended_system_s"):
            for each in self.series.get(f"process.{name}", []):
                v = each.v[window]
                total += float(v[-1] - v[0]) / (STEADY[1] - STEADY[0] - 1)
        return total

    def edge(self, source: str, to: str, *, outstanding: float, connections: float = 16, new: float = 0.0) -> Builder:
        """An edge between services."""
        entity = Entity("edge", source, 0, name=to)
        self.gauge("edges.connections", entity, connections)
        self.gauge("edges.outstanding", entity, outstanding)
        self.counter("edges.new", entity, new)
        return self

    def stack(self, service: str, mode: str, *lines: tuple[str, str, int, int], thread: str = "MainThread") -> Builder:
        """Samples whose innermost frame is the given (function, file, line, count), under a library's frame."""
        library = Frame("run", "/usr/lib/python3.11/asyncio/runners.py", 190)
        samples = tuple((thread, (library, Frame(function, file, line)), n) for function, file, line, n in lines)
        self.stacks.append(Stacks(service, 0, self.pid, mode, samples))
        return self

    def recording(self) -> Recording:
        """The value."""
        ticks = {
            name: Ticks(self.t, np.zeros(len(self.t)), np.full(len(self.t), 0.5))
            for name in ("process", "threads", "host")
        }
        meta = Meta(
            1,
            "test",
            "2026-01-01T00:00:00Z",
            "0",
            self.target,
            tuple(self.services.values()),
            self.profile,
            {"cores": self.cores, "memory_bytes": self.memory_bytes},
        )
        return Recording(
            meta,
            series={name: tuple(each) for name, each in self.series.items()},
            ticks=ticks,
            phases=(
                Phase("start", 0, SEARCH[0]),
                Phase("search", *SEARCH),
                Phase("steady", *STEADY),
                Phase("stacks", *STACKS),
                Phase("proof", STACKS[1], END - self.drain_s),
                *((Phase("drain", END - self.drain_s, END),) if self.drain_s else ()),
            ),
            levels=tuple(self.levels),
            events=tuple(self.events),
            requests=tuple(self.requests),
            errors=tuple(self.errors),
            stacks=tuple(self.stacks),
            histograms=self.histograms,
        )


def system(*processes: Proc, rps: float = 200.0, growth: float = 1.02, noise: float = 0.0, **options: Any) -> Builder:
    """One service "app" under load on two cores."""
    built = Builder(noise=noise, **options).service("app", *processes).load(rps, growth=growth).generator()
    return built.host()
