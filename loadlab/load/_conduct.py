"""The timeline of a run, from the first user to the last: search, breakpoint or a load that the profile says itself,
the measured window, stacks, proof; then two seconds without load.

Of a default run of 60 s: up to 20 s search, 12 s steady, 6 s stacks, 18 s proof; other durations in proportion, but for
the search, which ends when it has found the knee, and the stacks, which need no more than they need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from loadlab.clock import Clock
from loadlab.load import Wanted, breaking, shapes
from loadlab.load._meter import Meter
from loadlab.load._orchestra import Book, Generator
from loadlab.load.replay import Replay
from loadlab.load.search import ENOUGH, MOST_USERS, Knee, Measured, knee, next_users
from loadlab.load.shapes import STEADY_S, TICK_S, Part, searches
from loadlab.spec.model import Profile

SEARCH, STEADY, STACKS, PROOF = 24 / 60, 12 / 60, 6 / 60, 18 / 60
SEARCH_S = 20.0
"""Ten doublings take 13 s and the levels between two of them 5 s; slow systems get no more than this."""
STACKS_S = (4.0, 8.0)
SETTLE_S = 0.35
"""Cut from the start of each level of the search: users start, connections open, queues fill."""
LEVEL_S = 0.95
"""Measured at each level after that, or longer where requests are few."""
LONGEST_LEVEL_S = 4.0
"""A level waits so long for search.ENOUGH requests."""
VAIN_LEVELS = 2
"""Levels of a search, about three seconds, after which a run in which every request failed is cut short: whoever said
it was ready has said so before them."""
MORE_S = 2.5
"""How long a constant load is doubled, to learn whether more users would bring more throughput."""
DRAIN_S = 2.0
"""How long it is watched, when the load has ended, whether anything goes on: four looks at the connections."""
OWN_S = 0.05
"""How often it is looked whether a locustfile's shape has said something new: it is asked once a second."""
ENDED_S = 0.1
"""How often it is looked whether users that were told to stop have done so."""
HEARD_S = 0.3
"""How long an interval may take from the generator to here after a cut."""

STOPPED_S = 0.005
"""How long the slow-down experiment stops a candidate at once."""
DEEP = 3
"""Stops that the queue at the limit must outlast. With fewer requests under way a stop of the generator, or of any
caller, starves the limit before it ends, and looks like one itself."""

Tell = Callable[[str, float], None]
Experiment = Callable[[float], None]


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
    replay: Replay | None = None
    """What a profile of that shape sends."""
    still: Callable[[Experiment], Experiment] = lambda experiment: experiment
    """Makes an experiment during which the system stays as it is."""
    _rps: float = 0.0
    """Of the measured window."""
    _at: str = ""
    """The running phase."""

    def conduct(self) -> None:
        """All of it. Raises what `alive` and the generator's check raise."""
        shape = self.profile.shape
        if searches(self.profile):
            level = float(self._search().users)
            if self._only_failures():
                self._fail(level)
            else:
                self._judge(level, self.profile.duration_s * STEADY)
        elif shape == "breakpoint":
            self._judge(self._break(), self.profile.duration_s * STEADY)
        elif shape == "replay":
            self._replay()
        elif shape == "own":
            self._own()
        else:
            self._follow()
        self._drain()
        self._note_unused()
        self.recorder.phase("stop")
        self.tell("stop", 0.0)

    def _drain(self) -> None:
        """Nobody asks any more: who works on does so for no request."""
        self._phase("drain", DRAIN_S)
        if self.profile.model == "open" or self.profile.shape == "replay":
            self.generator.set_rate(0.0)
        else:
            self._users(0)
        self.still(self._wait)(DRAIN_S)
        self.generator.cut()

    def _note_unused(self) -> None:
        """A locustfile's own shape that the profile leaves aside."""
        wanted = self.meter.wanted
        if wanted is not None and self.profile.shape != "own":
            text = f"{wanted.shape} of the locustfile was not used, as profile {self.profile.name} says how many users"
            self.recorder.event("note", text=f"{text}; --profile own uses it")

    def _search(self) -> Knee:
        budget = min(SEARCH_S, self.profile.duration_s * SEARCH)
        self._phase("search", budget)
        end = self.recorder.now() + budget
        most = self.profile.users or MOST_USERS
        levels: list[Measured] = []
        users = next_users(levels, most)
        while users is not None and self.recorder.now() < end - LEVEL_S / 2:
            levels.append(self._level(users))
            users = next_users(levels, most)
            if len(levels) >= VAIN_LEVELS and self._only_failures():
                break
        found = knee(levels, most)
        facts = {name: round(getattr(found, name), 3) for name in ("at", "low", "high", "confidence", "best_rps")}
        self.recorder.event("knee", users=found.users, flat=found.flat, **facts)
        return found

    def _only_failures(self) -> bool:
        now = self.recorder.now()
        answered, _ = self.meter.answered(0.0, now)
        return answered == 0 and self.meter.failed(0.0, now) >= ENOUGH

    def _fail(self, level: float) -> None:
        """A wrong path, a missing password: more of the same tells nothing more."""
        self.recorder.event("note", text="nothing but failures: the run was cut short")
        self._held(level, STEADY_S)

    def _level(self, users: int) -> Measured:
        self._ask(users)
        self._wait(SETTLE_S)
        self.generator.cut()
        start = self.recorder.now()
        self.recorder.level(users, "search")
        self._wait(LEVEL_S)
        count, seconds = self._cut_and_count(start)
        while count < ENOUGH and not self._only_failures() and self.recorder.now() - start < LONGEST_LEVEL_S:
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

    def _break(self) -> float:
        """Up until something breaks; returns the level at which it did, or the last."""
        self.meter.keeps_latency = True
        length = max(self.profile.step_s, self.profile.duration_s * (1 - STEADY) - self._after_s())
        self._phase("breakpoint", length)
        end = self.recorder.now() + length
        seen: list[breaking.Seen] = []
        found: breaking.Broke | None = None
        level = breaking.next_level(self.profile, seen)
        while level is not None and found is None and self.recorder.now() + self.profile.step_s <= end + TICK_S:
            seen.append(self._step(level))
            found = breaking.broke(self.profile, seen)
            level = breaking.next_level(self.profile, seen)
        self.meter.keeps_latency = False
        self.recorder.event("broke", **breaking.facts(self.profile, seen, found))
        return seen[-1].level

    def _step(self, level: float) -> breaking.Seen:
        start = self._settled(level, "breakpoint")
        self._wait(self.profile.step_s - SETTLE_S)
        self._cut_and_count(start)
        self.recorder.level_end()
        return self.meter.seen(level, start, self.recorder.now())

    def _follow(self) -> None:
        """A load that the profile says itself, then a look at its highest level."""
        level = 0.0
        for part in shapes.parts(self.profile, self.profile.duration_s - self._after_s()):
            if part.phase == "steady":
                level = part.last
            self._part(part)
        self._look(level)

    def _part(self, part: Part) -> None:
        if part.phase == "steady":
            self._held(part.last, part.seconds)
            return
        if part.phase != self._at:
            self._phase(part.phase, part.seconds)
        if part.phase == "warmup":
            self._rise(part)
        else:
            start = self._settled(part.last, part.phase)
            self._wait(part.seconds - SETTLE_S)
            self._cut_and_count(start)
            self.recorder.level_end()

    def _rise(self, part: Part) -> None:
        start, level = self.recorder.now(), -1.0
        while (t := self.recorder.now() - start) < part.seconds:
            wanted = part.level_at(t + TICK_S / 2)
            if wanted != level:
                level = wanted
                self._ask(level)
            self._wait(min(TICK_S, part.seconds - t))

    def _replay(self) -> None:
        """What a log says: all of its time but the last seconds, which are for the stacks, is measured."""
        found = self.replay or Replay(())
        facts = {"sent": len(found.arrivals), "skipped": found.skipped, "unread": found.unread, "left": found.left}
        self.recorder.event("replay", **facts, seconds=round(found.seconds, 3), speed=self.profile.speed)
        stacks_s = self._stacks_s() if self.stacks is not None else 0.0
        warm = min(self.profile.warmup_s, found.seconds / 4)
        length = max(STEADY_S, found.seconds - warm - stacks_s)
        self._phase("warmup", warm)
        self.generator.replay()
        self._wait(warm)
        self._phase("steady", length)
        self.generator.cut()
        self.recorder.level(0, "steady", rate=found.rate(warm, warm + length))
        self._wait(length)
        self._cut_and_count(self.recorder.now())
        self.recorder.level_end()
        if found.seconds >= warm + length + stacks_s - TICK_S:
            self._profile(found.rate(warm + length, found.seconds))

    def _own(self) -> None:
        """What the locustfile's LoadTestShape says, for as long as it says something; then a look at the most users."""
        self._phase("steady", 0.0)
        self.generator.own_shape()
        told: Wanted | None = None
        most, level = 0, -1
        while (wanted := self.meter.wanted) is None or not wanted.over:
            if wanted is not None and wanted != told and wanted.users is not None:
                told, level = wanted, -1
                self.recorder.level_end()
                self.generator.set_users(wanted.users, wanted.spawn_rate, wanted.classes)
                most = max(most, wanted.users)
            if told is not None and level < 0:
                self.generator.cut()
                if self.meter.users == told.users:
                    level = self.meter.users
                    self.recorder.level(level, "steady")
            self._wait(OWN_S)
        self.generator.cut()
        self.recorder.level_end()
        if most:
            self._look(most)

    def _ask(self, level: float) -> None:
        """Users that are too many are waited for, as each ends the request it has under way: until then they are load
        that the level does not name."""
        if self.profile.model == "open":
            self.generator.set_rate(level)
            return
        self._users(max(1, round(level)))

    def _users(self, users: int) -> None:
        self.generator.set_users(users)
        end = self.recorder.now() + LONGEST_LEVEL_S
        while self.meter.users > users and self.recorder.now() < end:
            self.generator.cut()
            self._wait(ENDED_S)

    def _note_level(self, level: float, phase: str) -> None:
        if self.profile.model == "open":
            self.recorder.level(0, phase, rate=level)
        else:
            self.recorder.level(max(1, round(level)), phase)

    def _settled(self, level: float, phase: str) -> float:
        """A new level, and the moment from which on it counts."""
        self._ask(level)
        self._wait(SETTLE_S)
        self.generator.cut()
        self._note_level(level, phase)
        return self.recorder.now()

    def _judge(self, level: float, length: float) -> None:
        """The measured window at a level that was found, then a look."""
        self._held(level, length)
        self._look(level)

    def _look(self, level: float) -> None:
        """What needs the load of the measured window, and would disturb it there: stacks, more users, the proof."""
        self._ask(level)
        self._profile(level)
        if self._tries_more:
            self._more(round(level))
        if self.proof is not None and self.profile.model == "closed":
            budget = min(20.0, self.profile.duration_s * PROOF)
            users = max(round(level), deep_enough(self._rps))
            self._phase("proof", budget)
            self.generator.set_users(users)
            self.recorder.level(users, "proof")
            self.proof(budget)
            self.recorder.level_end()

    @property
    def _tries_more(self) -> bool:
        """Whether only one number of users was tried so far."""
        alone = self.profile.shape in ("constant", "soak", "ramp") and not searches(self.profile)
        return alone and self.profile.model == "closed"

    def _after_s(self) -> float:
        """What comes after the measured window."""
        closed = self.proof is not None and self.profile.model == "closed"
        proof = min(20.0, self.profile.duration_s * PROOF) if closed else 0.0
        more = MORE_S if self._tries_more else 0.0
        return (self._stacks_s() if self.stacks is not None else 0.0) + more + proof

    def _stacks_s(self) -> float:
        return min(STACKS_S[1], max(STACKS_S[0], self.profile.duration_s * STACKS))

    def _profile(self, level: float) -> None:
        if self.stacks is None:
            return
        length = self._stacks_s()
        self._phase("stacks", length)
        self._note_level(level, "stacks")
        self.stacks(length)
        self.generator.cut()
        self.recorder.level_end()

    def _more(self, users: int) -> None:
        """Twice the users for a moment: does more load bring more throughput?"""
        self._phase("more_users", MORE_S)
        self._ask(users * 2)
        self._wait(SETTLE_S)
        self.generator.cut()
        self.recorder.level(users * 2, "more_users")
        self._wait(MORE_S - SETTLE_S)
        self._cut_and_count(self.recorder.now())
        self.recorder.level_end()
        if self.proof is not None:
            self._ask(users)
            self._wait(SETTLE_S)

    def _held(self, level: float, length: float) -> None:
        """The measured window, which begins when the load is what it says."""
        self._ask(level)
        if self._at != "steady":
            self._phase("steady", length)
        self.generator.cut()
        self._note_level(level, "steady")
        start = self.recorder.now()
        self._wait(length)
        count, seconds = self._cut_and_count(start)
        self._rps = count / seconds if seconds > 0 else 0.0
        self.recorder.level_end()

    def _phase(self, name: str, length: float) -> None:
        self._at = name
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
