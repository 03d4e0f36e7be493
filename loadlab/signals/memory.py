"""Resident memory at constant load: does it grow with requests, and does it come near a limit?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Entity, Floats, Recording
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean, peak, per_second
from loadlab.signals.windows import Window, constant_load, measured

PARTS = 4
"""The window is cut into this many parts: growth that is a leak is there in each of them, a cache that warms up is
not."""

GROWN_BYTES = 6 * 2**20
"""Six allocator arenas of CPython (1 MiB each): smaller growth is how memory is handed out, not a leak."""

GROWN_SHARE = 0.04
"""Of resident memory at the start: growth under this in half a minute is within what heaps of that size breathe."""

STEADY = 0.35
"""The last quarter grew at least this share of the mean quarter: a cache that fills up slows down, a leak does not."""

ALIVE = 0.3
"""Where the collector could be asked (Node), or says so (Java): what it leaves alive grows at least at this share of
resident memory's rate. Of a leak the two rates are alike; a heap that merely takes more room between two collections
keeps nothing."""


@dataclass(frozen=True)
class Growth:
    """One instance's resident memory over the constant load. Bytes; `parts` is the growth per quarter of the window."""

    service: str
    instance: int
    first: float
    last: float
    seconds: float
    requests: float
    parts: tuple[float, ...]
    major_faults: float
    """Per second."""
    alive_per_second: float | None = None
    """Growth of what the processes' own collectors left alive, where they could be asked, or say so themselves."""

    @property
    def grown(self) -> float:
        """Bytes over the window."""
        return self.last - self.first

    @property
    def steady(self) -> bool:
        """Whether it grew as if there were no end: more than memory is handed out by, in every part, at the end as
        well, and what is alive with it."""
        mean_part = self.grown / len(self.parts)
        enough = self.grown >= max(GROWN_BYTES, GROWN_SHARE * self.first)
        always = all(each > 0 for each in self.parts) and self.parts[-1] >= STEADY * mean_part
        alive = self.alive_per_second is None or self.alive_per_second >= ALIVE * self.per_second
        return enough and always and alive

    @property
    def per_request(self) -> float:
        """Bytes per request."""
        return self.grown / self.requests if self.requests else 0.0

    @property
    def per_second(self) -> float:
        """Bytes per second."""
        return self.grown / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class MemoryLimit:
    """One instance with a memory limit. Bytes; kills and hits within the whole run."""

    entity: Entity
    limit: float
    peak: float
    oom_kills: float
    hits: float
    """How often the group ran into its limit."""
    refaults: float = 0.0
    """Pages per second that were read back from disk after they had been thrown out for want of room."""


@dataclass(frozen=True)
class Memory:
    """Growth per instance, limits, and the machine's memory in bytes."""

    growth: tuple[Growth, ...]
    limits: tuple[MemoryLimit, ...]
    machine_bytes: float
    swap_in: float
    """Pages per second read back from swap, whole host."""
    waiting: tuple[float, float] = (0.0, 0.0)
    """Requests under way in the first and in the last part of the window, mean: a queue that grows needs memory."""

    def limit_of(self, growth: Growth) -> float:
        """Bytes that this instance may take: its own limit, else the machine's memory."""
        where = (growth.service, growth.instance)
        mine = [each.limit for each in self.limits if (each.entity.service, each.entity.instance) == where]
        return min(mine, default=self.machine_bytes)


def compute(recording: Recording) -> Memory:
    """Raises Missing where resident memory was not sampled."""
    # A collector that was asked to collect gives memory back: then the window of the stacks tells nothing of growth.
    asked = any(each.kind == "alive" for each in recording.events)
    window = measured(recording) if asked else constant_load(recording)
    if not recording.series("process.rss_bytes"):
        raise Missing("resident memory was not sampled")
    machine = float(recording.meta.machine.get("memory_bytes") or 0.0)
    swap = recording.series("host.pswpin_pages")
    return Memory(
        growth=tuple(_growth(recording, window)),
        limits=tuple(_limits(recording)),
        machine_bytes=machine,
        swap_in=per_second(swap[0], measured(recording)) if swap else 0.0,
        waiting=_waiting(recording, window),
    )


def _waiting(recording: Recording, window: Window) -> tuple[float, float]:
    part = window.length / PARTS
    ends = Window(window.start, window.start + part), Window(window.end - part, window.end)
    series = recording.series("generator.in_flight")
    first, last = (sum(mean(each, end) or 0.0 for each in series) for end in ends)
    return first, last


def _growth(recording: Recording, window: Window) -> list[Growth]:
    grid = np.linspace(window.start, window.end, PARTS * 8 + 1)
    total: dict[tuple[str, int], Floats] = defaultdict(lambda: np.zeros(len(grid)))
    faults: dict[tuple[str, int], float] = defaultdict(float)
    for series in recording.series("process.rss_bytes"):
        good = ~np.isnan(series.v)
        t, v = series.t[good], series.v[good]
        if series.entity.service in ("generator", "loadlab") or len(t) < 2:
            continue
        key = (series.entity.service, series.entity.instance)
        # A process that is not there at a moment holds nothing: restarts show as drops, not as growth.
        total[key] = total[key] + np.where((grid >= t[0]) & (grid <= t[-1] + 1.0), np.interp(grid, t, v), 0.0)
    for series in recording.series("process.major_faults"):
        faults[(series.entity.service, series.entity.instance)] += per_second(series, window)
    alive = _alive(recording) | _old(recording, window)
    requests, _, _ = counts(recording, window)
    found = []
    for (service, instance), rss in sorted(total.items()):
        edges = rss[::8]
        found.append(
            Growth(
                service,
                instance,
                float(rss[0]),
                float(rss[-1]),
                window.length,
                requests,
                tuple(float(each) for each in np.diff(edges)),
                faults[(service, instance)],
                alive.get((service, instance)),
            )
        )
    return found


def _alive(recording: Recording) -> dict[tuple[str, int], float]:
    """Bytes per second, over the processes of each instance."""
    found: dict[tuple[str, int], float] = defaultdict(float)
    for each in recording.events:
        if each.kind == "alive" and each.data["seconds"] > 0:
            grown = each.data["after"] - each.data["before"]
            found[(each.service, each.instance)] += grown / each.data["seconds"]
    return found


def _old(recording: Recording, window: Window) -> dict[tuple[str, int], float]:
    """Bytes per second by which the old generations of an instance's Java machines grew. Before a collection nothing is
    known to have outlived one: a heap that only takes room up to its limit keeps nothing."""
    found: dict[tuple[str, int], float] = defaultdict(float)
    for series in recording.series("jvm.old_bytes"):
        inside = series.between(window.start, window.end)
        good = inside.v[~np.isnan(inside.v)]
        if len(good):
            found[(series.entity.service, series.entity.instance)] += float(good[-1] - good[0]) / window.length
    return found


def _limits(recording: Recording) -> list[MemoryLimit]:
    whole = Window(0.0, max(recording.end, 0.1))
    found = []
    for series in recording.series("cgroup.memory_limit_bytes"):
        limit = peak(series, whole)
        if limit is None or limit <= 0:
            continue
        usage = [each for each in recording.series("cgroup.memory_usage_bytes") if each.entity == series.entity]
        hits = [each for each in recording.series("cgroup.memory_max_events") if each.entity == series.entity]
        kills = [each for each in recording.series("cgroup.oom_kills") if each.entity == series.entity]
        back = [each for each in recording.series("cgroup.refaulted_pages") if each.entity == series.entity]
        found.append(
            MemoryLimit(
                series.entity,
                limit,
                max((peak(each, whole) or 0.0 for each in usage), default=0.0),
                sum(increase(each, whole) for each in kills),
                sum(increase(each, measured(recording)) for each in hits),
                sum(per_second(each, measured(recording)) for each in back),
            )
        )
    return found
