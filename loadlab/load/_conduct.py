"""The timeline of a run, from the first user to the last: search or warm-up, the measured window, stacks, proof.

Of a default run of 60 s: up to 20 s search, 12 s steady, 6 s stacks, 18 s proof; other durations in proportion, but for
the search, which ends when it has found the knee, and the stacks, which need no more than they need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from loadlab.clock import Clock
from loadlab.load import LoadInterval
from loadlab.load.search import MOST_USERS, Knee, Measured, knee, next_users
from loadlab.load.shapes import STEPS_S, searches, users_at
from loadlab.spec.model import Profile

SEARCH, STEADY, STACKS, PROOF = 24 / 60, 12 / 60, 6 / 60, 18 / 60
SEARCH_S = 20.0
"""A search over ten doublings takes 13 s; slow systems get up to this."""
STACKS_S = (4.0, 8.0)
SETTLE_S = 0.35
"""Cut from the start of each level of the search: users start, connections open, queues fill."""
LEVEL_S = 0.95
"""Measured at each level after that, or longer where requests are few."""
LONGEST_LEVEL_S = 4.0
ENOUGH = 30
"""Requests a level waits for, up to LONGEST_LEVEL_S: see search.CONFIDENT."""
MORE_S = 2.5
"""How long a constant load is doubled, to learn whether more users would bring more throughput."""
HEARD_S = 0.3
"""How long an interval may take from the generator to here after a cut."""

STOPPED_S = 0.005
"""How long the slow-down experiment stops a candidate at once."""
DEEP = 3
"""Stops that the queue at the limit must outlast. With fewer requests under way a stop of the generator, or of any
caller,
starves the limit before it ends, and looks like one itself."""

Tell = Callable[[str, float], None]
Experiment = Callable[[float], None]


class Generator(Protocol):
    """What this needs of load._driver.ChildGenerator."""

    def set_users(self, users: int) -> None: ...
    def set_rate(self, rate: float) -> None: ...
    def cut(self) -> None: ...
    def check(self) -> None: ...


class Book(Protocol):
    """What this needs of recording.writer.Recorder."""

    def now(self) -> float: ...
    def phase(self, name: str) -> None: ...
    def level(self, users: int, phase: str, *, start: float | None = None) -> None: ...
    def level_end(self) -> None: ...


@dataclass
class Meter:
    """A load.Listener that counts what was answered, by time."""

    _lock: Lock = field(default_factory=Lock)
    _heard: list[tuple[float, float, int]] = field(default_factory=list)

    def interval(self, interval: LoadInterval) -> None:
        """One interval, in order."""
        with self._lock:
            self._heard.append((interval.start, interval.end, interval.succeeded))
            del self._heard[:-600]

    def until(self) -> float:
        """The end of the last interval heard of."""
        with self._lock:
            return self._heard[-1][1] if self._heard else 0.0

    def answered(self, start: float, end: float) -> tuple[int, float]:
        """Requests and seconds of the intervals whose middle lies between two moments."""
        with self._lock:
            inside = [each for each in self._heard if start <= (each[0] + each[1]) / 2 <= end]
        return sum(each[2] for each in inside), sum(each[1] - each[0] for each in inside)


@dataclass
class Conductor:
    """One run's load. `stacks` and `proof` are called with the seconds they may take, at the steady level."""

    profile: Profile
    generator: Generator
    recorder: Book
    meter: Meter
    clock: Clock
    tell: Tell
    alive: Callable[[], object]
    """Raises where a service died that the run cannot do without."""
    stacks: Experiment | None = None
    proof: Experiment | None = None
    _rps: float = 0.0
    """Of the measured window."""

    def conduct(self) -> None:
        """All of it. Raises what `alive` and the generator's check raise."""
        if self.profile.model == "open":
            self._open()
        elif searches(self.profile):
            self._steady(self._search().users)
        else:
            self._rise()
            self._steady(self.profile.users or 1)

    def _search(self) -> Knee:
        budget = min(SEARCH_S, self.profile.duration_s * SEARCH)
        self._phase("search", budget)
        end = self.recorder.now() + budget
        levels: list[Measured] = []
        users = next_users(levels)
        while users is not None and self.recorder.now() < end - LEVEL_S / 2:
            levels.append(self._level(users))
            users = next_users(levels)
        return knee(levels)

    def _level(self, users: int) -> Measured:
        self.generator.set_users(users)
        self._wait(SETTLE_S)
        self.generator.cut()
        start = self.recorder.now()
        self.recorder.level(users, "search")
        self._wait(LEVEL_S)
        count, seconds = self._cut_and_count(start)
        while count < ENOUGH and self.recorder.now() - start < LONGEST_LEVEL_S:
            self._wait(LEVEL_S / 2)
            count, seconds = self._cut_and_count(start)
        self.recorder.level_end()
        return Measured(users, count / seconds if seconds > 0 else 0.0, count)

    def _cut_and_count(self, start: float) -> tuple[int, float]:
        self.generator.cut()
        now = self.recorder.now()
        patience = now + HEARD_S
        while self.meter.until() < now - 0.05 and self.recorder.now() < patience:
            self.clock.sleep(0.01)
        return self.meter.answered(start, self.recorder.now())

    def _rise(self) -> None:
        """Warm-up of a profile that says how many users."""
        rise = self.profile.duration_s / 4 if self.profile.shape == "ramp" else 0.0
        length = max(self.profile.warmup_s, rise)
        self._phase("warmup", length)
        start, users = self.recorder.now(), 0
        while (t := self.recorder.now() - start) < length:
            wanted = users_at(self.profile, t)
            if wanted != users:
                users = wanted
                self.generator.set_users(users)
            self._wait(min(STEPS_S, length - t))

    def _steady(self, users: int) -> None:
        self.generator.set_users(users)
        if searches(self.profile):
            length = self.profile.duration_s * STEADY
        else:
            length = max(3.0, self.profile.duration_s - self.profile.warmup_s - self._after_s())
        self._held("steady", users, length)
        self._profile(users)
        if not searches(self.profile):
            self._more(users)
        if self.proof is not None:
            budget = min(20.0, self.profile.duration_s * PROOF)
            users = max(users, deep_enough(self._rps))
            self._phase("proof", budget)
            self.generator.set_users(users)
            self.recorder.level(users, "proof")
            self.proof(budget)
            self.recorder.level_end()
        self.recorder.phase("stop")
        self.tell("stop", 0.0)

    def _after_s(self) -> float:
        """What comes after the measured window of a profile that says how many users."""
        proof = min(20.0, self.profile.duration_s * PROOF) if self.proof is not None else 0.0
        return (self._stacks_s() if self.stacks is not None else 0.0) + MORE_S + proof

    def _stacks_s(self) -> float:
        return min(STACKS_S[1], max(STACKS_S[0], self.profile.duration_s * STACKS))

    def _profile(self, users: int) -> None:
        if self.stacks is None:
            return
        length = self._stacks_s()
        self._phase("stacks", length)
        self.recorder.level(users, "stacks")
        self.stacks(length)
        self.generator.cut()
        self.recorder.level_end()

    def _more(self, users: int) -> None:
        """Twice the users for a moment: does more load bring more throughput?"""
        self._phase("more_users", MORE_S)
        self.generator.set_users(users * 2)
        self._wait(SETTLE_S)
        self.generator.cut()
        self.recorder.level(users * 2, "more_users")
        self._wait(MORE_S - SETTLE_S)
        self._cut_and_count(self.recorder.now())
        self.recorder.level_end()
        self.generator.set_users(users)
        self._wait(2 * SETTLE_S if self.proof is not None else 0.0)

    def _held(self, phase: str, users: int, length: float) -> None:
        self.generator.cut()
        self._phase(phase, length)
        self.recorder.level(users, phase)
        start = self.recorder.now()
        self._wait(length)
        count, seconds = self._cut_and_count(start)
        self._rps = count / seconds if seconds > 0 else 0.0
        self.recorder.level_end()

    def _open(self) -> None:
        rate, warmup = self.profile.rate or 1.0, self.profile.warmup_s
        self._phase("warmup", warmup)
        self.generator.set_rate(rate)
        self._wait(warmup)
        stacks_s = self._stacks_s() if self.stacks is not None else 0.0
        self._held("steady", 0, max(3.0, self.profile.duration_s - warmup - stacks_s))
        self._profile(0)
        self.recorder.phase("stop")
        self.tell("stop", 0.0)

    def _phase(self, name: str, length: float) -> None:
        self.recorder.phase(name)
        self.tell(name, length)

    def _wait(self, seconds: float) -> None:
        """In short steps, so that a service or a generator that dies ends the run at once."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            self.clock.sleep(min(0.25, left))
            self.generator.check()
            self.alive()


def deep_enough(rps: float) -> int:
    """Users whose requests keep a station of this throughput busy for DEEP stops."""
    return min(MOST_USERS, math.ceil(DEEP * STOPPED_S * rps))
