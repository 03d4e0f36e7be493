"""What services go on with once no request is under way: after the last one was answered the load generator is idle for
two seconds, and whoever still works then works for nobody who waits.

A service that gives work away (a background task, a thread of its own, a promise that nobody awaits) and bounds it, or
keeps up with it, is done within moments. One that goes on as before has more of it than it gets done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import calls, cpu, flying
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean
from loadlab.signals.windows import Window, measured

SETTLE_S = 0.5
"""Cut from the start: who is done within it was not behind."""

SHORTEST_S = 1.0
"""Below this there are not two looks at the connections."""

QUIET = 0.5
"""Requests under way, mean, up to which there are none."""

IDLE_S = 1.0
"""Before there was any load: what a service does then it does for no request either."""

AS_BEFORE = 0.5
"""Share of what it did under load, from which on a service goes on as before; and of that, what it may have done before
there was any load."""

FEWEST_CALLS = 1.0
"""Calls a second, or under way: fewer are a heartbeat, or a connection that is closed."""

FEWEST_CORES = 0.1
"""Cores: less is a garbage collector that tidies up, or a timer."""


@dataclass(frozen=True)
class GoneOn:
    """A service that worked on. to: whom it went on to ask, "" where it computed; after, under_load: calls per second,
    or calls under way where those stand for long, or cores; unit says which: "calls/s", "calls" or "cores"."""

    service: str
    to: str
    after: float
    under_load: float
    unit: str


@dataclass(frozen=True)
class Draining:
    """What was gone on with, by service; seconds: how long it was watched."""

    all: tuple[GoneOn, ...]
    seconds: float

    def of(self, service: str) -> GoneOn | None:
        """What a service went on with; of several things calls before computing. None where it rested."""
        mine = [each for each in self.all if each.service == service]
        return min(mine, key=lambda each: each.to == "", default=None)


def compute(recording: Recording) -> Draining:
    """Raises Missing where the load was not ended by itself, or requests were still under way."""
    phase = recording.phase("drain")
    if phase is None or phase.end - phase.start < SETTLE_S + SHORTEST_S:
        raise Missing("it was not watched what goes on without load")
    window = Window(phase.start + SETTLE_S, phase.end, "drain")
    if flying.in_flight(recording, window) > QUIET:
        raise Missing("requests were still under way when the load had ended")
    start = recording.phase("start")
    idle = Window(max(start.start, start.end - IDLE_S), start.end, "start") if start is not None else None
    found: dict[tuple[str, str], GoneOn] = {}
    for unit, (least, done) in UNITS.items():
        under_load, after = done(recording, measured(recording)), done(recording, window)
        before = done(recording, idle) if idle is not None else {}
        for key, then in under_load.items():
            now = after.get(key, 0.0)
            if now >= max(least, AS_BEFORE * then) and before.get(key, 0.0) <= AS_BEFORE * now:
                found.setdefault(key, GoneOn(*key, now, then, unit))
    return Draining(tuple(sorted(found.values(), key=lambda each: (each.service, each.to))), window.length)


Done = Mapping[tuple[str, str], float]
"""By (service, whom it asks)."""


def _outstanding(recording: Recording, window: Window) -> Done:
    found: dict[tuple[str, str], float] = defaultdict(float)
    for series in recording.series("edges.outstanding"):
        if series.entity.service not in cpu.OWN:
            found[(series.entity.service, far_end(series.entity.name)[0])] += mean(series, window) or 0.0
    return found


def _asked(recording: Recording, window: Window) -> Done:
    return {key: rate for key, rate in calls.between(recording, window).items() if key[0] not in cpu.OWN}


def _cores(recording: Recording, window: Window) -> Done:
    found: dict[tuple[str, str], float] = defaultdict(float)
    for each in cpu.processes(recording, window):
        if each.entity.service not in cpu.OWN:
            found[(each.entity.service, "")] += each.cores
    return found


UNITS: Mapping[str, tuple[float, Callable[[Recording, Window], Done]]] = {
    "calls/s": (FEWEST_CALLS, _asked),
    "calls": (FEWEST_CALLS, _outstanding),
    "cores": (FEWEST_CORES, _cores),
}
