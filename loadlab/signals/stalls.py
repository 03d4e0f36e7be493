"""Seconds of a steady load in which far fewer requests are answered than in the others while a process computes, and
which of its threads do: work in bursts, which holds up whoever asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadlab.recording.model import Entity, Floats, Recording, Series
from loadlab.signals.latency import mean_ms
from loadlab.signals.missing import Missing
from loadlab.signals.rates import rate
from loadlab.signals.stampedes import FEWEST, FULL, by_second
from loadlab.signals.windows import Window, constant_load

HELD_UP = 0.7
"""Of the throughput of undisturbed seconds, below which one is held up: neighbouring seconds differ by a tenth."""

CHANCE = 3.0
"""Standard deviations of a number of arrivals at random, by which it has to be below as well: few requests are unevenly
spread by themselves."""

CLEAR = 0.8
"""Of that throughput, from which on a second is undisturbed: between, it was held up for a small part of it."""

COMPUTES = 0.04
"""Share of its process's CPU in held-up seconds, from which on a thread is one that computes there: of a pool of 20
that all do each has 5%."""

UNEVEN = ("spike", "replay", "own", "breakpoint")
"""Shapes in which users come and go, or ask at moments of their own."""

UNDISTURBED, HELD, NEITHER = 0, 1, -1


@dataclass(frozen=True)
class Stall:
    """One process. share: of the seconds that were held up; times: how often one began to be; full, low: requests/s in
    undisturbed ones and in those; calm_ms, slow_ms: mean latency of what was answered in undisturbed ones, and in those
    and the seconds after them; cores, cores_else: its CPU in the busiest half of the held-up seconds, and of the
    undisturbed ones, means; threads: share of its CPU in held-up ones by thread, most first."""

    entity: Entity
    share: float
    times: int
    full: float
    low: float
    calm_ms: float
    slow_ms: float
    cores: float
    cores_else: float
    threads: tuple[tuple[Entity, float], ...]


def compute(recording: Recording) -> tuple[Stall, ...]:
    """Every process of the user's own services, the one first that computes most in held-up seconds; () where there
    were none. Raises Missing where the load was not steady for long enough, or processes were not sampled."""
    if recording.meta.profile.get("model") == "open" or recording.meta.profile.get("shape") in UNEVEN:
        raise Missing("the load itself came unevenly")
    seconds = by_second(recording, constant_load(recording))
    if len(seconds) < FEWEST:
        raise Missing("the load was too short to tell its seconds apart")
    used = recording.series("process.cpu_user_s")
    if not used:
        raise Missing("no process was sampled")
    begins, rps = np.array([t for t, _ in seconds]), np.array([each for _, each in seconds])
    full = float(np.quantile(rps, FULL))
    held = (rps < HELD_UP * full) & (rps < full - CHANCE * np.sqrt(full))
    if not held.any():
        return ()
    parts = _Parts(begins, np.where(held, HELD, np.where(rps >= CLEAR * full, UNDISTURBED, NEITHER)))
    calm_ms, slow_ms = parts.latencies(recording)
    own = {each.name for each in recording.meta.services if each.role in ("app", "worker", "external")}
    found = [
        Stall(
            each.entity,
            float(held.mean()),
            int((held & ~np.concatenate([[False], held[:-1]])).sum()),
            full,
            float(rps[held].mean()),
            calm_ms,
            slow_ms,
            *parts.cores(recording, each.entity),
            parts.threads(recording, each.entity),
        )
        for each in used
        if each.entity.service in own
    ]
    return tuple(sorted(found, key=lambda each: (-each.cores, each.entity.pid)))


@dataclass(frozen=True)
class _Parts:
    """The seconds: when each begins, and whether it was held up."""

    begins: Floats
    kind: npt.NDArray[np.int_]

    def latencies(self, recording: Recording) -> tuple[float, float]:
        """What was held up is answered in that second or the next."""
        after = np.concatenate([[False], self.kind[:-1] == HELD])
        slow = (self.kind == HELD) | after
        means = [mean_ms(recording, Window(t, t + 1.0)) for t in self.begins]
        calm = [ms for ms, late in zip(means, slow, strict=True) if ms is not None and not late]
        late = [ms for ms, is_late in zip(means, slow, strict=True) if ms is not None and is_late]
        return float(np.median(calm)) if calm else 0.0, float(np.mean(late)) if late else 0.0

    def cores(self, recording: Recording, process: Entity) -> tuple[float, float]:
        """Of each second the busiest look, as bursts may be shorter than it; the mean of these."""
        names = ("process.cpu_user_s", "process.cpu_system_s")
        series = [each for name in names for each in recording.series(name) if each.entity == process]
        looks: dict[int, dict[float, float]] = {}
        for each in series:
            for second, t, cores in self._grown(each):
                looks.setdefault(second, {}).setdefault(t, 0.0)
                looks[second][t] += cores
        peaks = [[max(looks[i].values()) for i in looks if self.kind[i] == kind] for kind in (HELD, UNDISTURBED)]
        held, clear = (float(np.mean(each)) if each else 0.0 for each in peaks)
        return held, clear

    def threads(self, recording: Recording, process: Entity) -> tuple[tuple[Entity, float], ...]:
        """Those that compute."""
        mine = {
            each.entity: sum(cores for second, _, cores in self._grown(each) if self.kind[second] == HELD)
            for each in recording.series("threads.cpu_s", service=process.service, pid=process.pid)
        }
        total = sum(mine.values())
        shares = [(each, seconds / total) for each, seconds in mine.items() if seconds >= COMPUTES * total > 0]
        return tuple(sorted(shares, key=lambda each: (-each[1], each[0].tid)))

    def _grown(self, series: Series) -> list[tuple[int, float, float]]:
        """The second that each look belongs to by its middle, its time, and the counter's growth per second in it."""
        grown = rate(series)
        if not len(grown.t):
            return []
        middle = grown.t - np.diff(np.concatenate([series.t[:1], grown.t])) / 2
        place = np.searchsorted(self.begins, middle, side="right") - 1
        seen = (place >= 0) & (middle < self.begins[-1] + 1.0) & ~np.isnan(grown.v)
        return list(zip(place[seen].tolist(), grown.t[seen].tolist(), grown.v[seen].tolist(), strict=True))
