"""The timeline of a run on a fake clock, with a generator that behaves like a server of known capacity."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from loadlab.clock import FakeClock
from loadlab.load import EndpointInterval, LoadInterval, Wanted
from loadlab.load._conduct import Conductor
from loadlab.load._meter import Meter
from loadlab.load.replay import Arrival, Replay
from loadlab.spec.model import LimitSet, Profile


class Fake:
    """Generator and recorder in one: answers min(capacity, each * users) requests a second, or what the rate asks for,
    in users / throughput seconds."""

    def __init__(self, clock: FakeClock, capacity: float = 400.0, each: float = 50.0) -> None:
        self.clock = clock
        self.capacity, self.each = capacity, each
        self.failing = False
        self.ending_s = 0.0
        """How long users that were told to stop still ask."""
        self.meter = Meter()
        self.users = 0
        self.before = (0.0, 0)
        self.last = 0.0
        self.phases: list[tuple[str, float]] = []
        self.levels: list[tuple[str, float, float, float]] = []
        self.open_level: tuple[str, float, float] | None = None
        self.rate: float | None = None
        self.asked: list[tuple[float, float]] = []
        self.events: dict[str, dict[str, Any]] = {}
        self.replaying: float | None = None
        self.shape: list[tuple[float, Wanted]] = []
        self.told: list[tuple[int, float, tuple[str, ...]]] = []

    def now(self) -> float:
        return self.clock.monotonic()

    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None:
        self.cut()
        self.before = (self.now() + self.ending_s, self.there())
        self.users = users
        self.told.append((users, spawn_rate, classes))
        self.asked.append((self.now(), users))

    def there(self) -> int:
        until, users = self.before
        return max(users, self.users) if self.now() < until else self.users

    def set_rate(self, rate: float) -> None:
        self.cut()
        self.rate = rate
        self.asked.append((self.now(), rate))

    def replay(self) -> None:
        self.replaying = self.now()

    def own_shape(self) -> None:
        self.shape = [(self.now() + t, wanted) for t, wanted in self.shape]

    def check(self) -> None:
        """A shape's answers come as soon as it has given them."""
        if self.shape:
            self.cut()

    def cut(self) -> None:
        now = self.now()
        users = self.there()
        asked = self.each * users if self.rate is None else self.rate
        rps = min(self.capacity, asked)
        answered = round(rps * (now - self.last))
        due = 0 if self.rate is None else round(self.rate * (now - self.last))
        ms = 1000 * max(1 / self.each, users / rps if rps else 0.0)
        good, bad = (0, answered) if self.failing else (answered, 0)
        latency = array("I", [round(1000 * ms)] * good)
        wanted = next((each for t, each in reversed(self.shape) if t <= now), None)
        self.meter.interval(
            LoadInterval(
                self.last, now, users, 0, answered, good, bad, 0, 0, due=due, wanted=wanted,
                endpoints=(EndpointInterval("GET /", "ok", latency, latency),),
            )
        )  # fmt: skip
        self.last = now

    def phase(self, name: str) -> None:
        self.phases.append((name, self.now()))

    def level(self, users: int, phase: str, *, start: float | None = None, rate: float = 0.0) -> None:
        self.open_level = (phase, rate or users, self.now())

    def level_end(self) -> None:
        if self.open_level is not None:
            self.levels.append((*self.open_level, self.now()))
        self.open_level = None

    def event(self, kind: str, **data: Any) -> None:
        self.events[kind] = data


def conduct(profile: Profile, *, stacks: bool = True, proof: bool = True, capacity: float = 400.0, **more: Any) -> Fake:
    clock = FakeClock()
    fake = Fake(clock, capacity)
    fake.shape = more.get("shape", [])
    fake.failing = more.get("failing", False)
    fake.ending_s = more.get("ending_s", 0.0)
    Conductor(
        profile,
        fake,
        fake,
        fake.meter,
        clock,
        lambda name, length: None,
        lambda: None,
        clock.sleep if stacks else None,
        clock.sleep if proof else None,
        more.get("replay"),
        more.get("still", lambda experiment: experiment),
    ).conduct()
    return fake


def ended(fake: Fake) -> float:
    """When the load had."""
    return dict(fake.phases)["drain"]


def test_a_default_run_takes_a_minute() -> None:
    fake = conduct(Profile())
    assert [name for name, _ in fake.phases] == ["search", "steady", "stacks", "proof", "drain", "stop"]
    assert ended(fake) <= 62.0
    times = dict(fake.phases)
    assert times["stacks"] - times["steady"] == pytest.approx(12.0, abs=0.5)


@pytest.mark.parametrize(
    "profile", [Profile(), Profile(model="open", rate=100.0, shape="constant", duration_s=20, warmup_s=2)]
)
def test_in_the_end_nobody_asks_for_two_seconds_and_the_system_is_kept_as_it_is(profile: Profile) -> None:
    kept: list[float] = []

    def still(experiment: Callable[[float], None]) -> Callable[[float], None]:
        def watched(seconds: float) -> None:
            kept.append(seconds)
            experiment(seconds)

        return watched

    fake = conduct(profile, still=still, ending_s=0.5)
    phases = dict(fake.phases)
    assert fake.asked[-1] == (phases["drain"], 0)
    assert kept == [2.0]
    assert 2.0 <= phases["stop"] - phases["drain"] < 3.0


def test_a_run_in_which_everything_fails_is_cut_short() -> None:
    fake = conduct(Profile(), failing=True)
    assert [name for name, _ in fake.phases] == ["search", "steady", "drain", "stop"]
    assert ended(fake) <= 8.0
    assert "cut short" in fake.events["note"]["text"]


def test_the_level_held_is_just_past_the_knee() -> None:
    fake = conduct(Profile())
    steady = next(each for each in fake.levels if each[0] == "steady")
    assert steady[1] == 16
    levels = [each[1] for each in fake.levels if each[0] == "search"]
    assert levels[:6] == [1, 2, 4, 8, 16, 32]
    assert all(5 <= each <= 12 for each in levels[6:])
    knee = fake.events["knee"]
    assert knee["at"] == pytest.approx(8.0, rel=0.1)
    assert knee["low"] <= 8.0 <= knee["high"]
    assert knee["confidence"] > 0.9


def test_a_constant_profile_is_doubled_for_a_moment_and_put_back() -> None:
    fake = conduct(Profile(shape="constant", users=5, duration_s=40, warmup_s=4))
    assert [(name, users) for name, users, *_ in fake.levels] == [
        ("steady", 5),
        ("stacks", 5),
        ("more_users", 10),
        ("proof", 5),
    ]
    assert [users for users, *_ in fake.told[-2:]] == [5, 0]
    assert ended(fake) == pytest.approx(40.0, abs=2.0)


def test_a_ramp_with_users_rises_to_them() -> None:
    fake = conduct(Profile(users=20, duration_s=40))
    assert next(each for each in fake.levels if each[0] == "steady")[1] == 20


def test_without_stacks_and_proof_nothing_waits_for_them() -> None:
    fake = conduct(Profile(), stacks=False, proof=False)
    assert [name for name, _ in fake.phases] == ["search", "steady", "drain", "stop"]
    assert ended(fake) < 30


def test_the_open_model_holds_its_rate() -> None:
    fake = conduct(Profile(model="open", rate=100.0, shape="constant", duration_s=20, warmup_s=2))
    assert [rate for _, rate in fake.asked[-2:]] == [100.0, 0.0]
    assert [name for name, _ in fake.phases] == ["warmup", "steady", "stacks", "drain", "stop"]


def test_a_level_counts_when_users_that_are_too_many_have_ended() -> None:
    spans = {}
    for ending_s in (0.0, 1.5):
        fake = conduct(Profile(shape="steps", levels=(20, 4), duration_s=60), ending_s=ending_s, proof=False)
        asked = next(t for t, users in fake.asked if users == 4)
        spans[ending_s] = next(start for _, users, start, _ in fake.levels if users == 4) - asked
    assert spans[0.0] < 0.5
    assert 1.5 <= spans[1.5] < 2.5


def test_users_that_never_end_hold_up_no_run() -> None:
    fake = conduct(Profile(), ending_s=1e6)
    assert [name for name, _ in fake.phases] == ["search", "steady", "stacks", "proof", "drain", "stop"]
    assert ended(fake) <= 75.0


def test_a_slow_system_gets_longer_levels() -> None:
    fake = conduct(Profile(), capacity=8.0)
    spans = [end - start for phase, _, start, end in fake.levels if phase == "search"]
    assert max(spans) > 3.0


def phases(fake: Fake) -> list[str]:
    return [name for name, _ in fake.phases]


def test_steps_are_levels_and_the_highest_is_measured() -> None:
    fake = conduct(Profile(shape="steps", levels=(2, 4, 6), duration_s=60), proof=False)
    assert phases(fake) == ["warmup", "steps", "steady", "stacks", "drain", "stop"]
    assert [(name, users) for name, users, *_ in fake.levels] == [
        ("steps", 2), ("steps", 4), ("steady", 6), ("stacks", 6),
    ]  # fmt: skip
    spans = [end - start for *_, start, end in fake.levels[:3]]
    assert spans == pytest.approx([16.3, 16.3, 16.3], abs=0.6)


def test_a_spike_ends_before_anything_else_happens_and_comes_back_for_the_look() -> None:
    fake = conduct(Profile(shape="spike", users=2, spike_users=20, spike_s=10, duration_s=75))
    assert phases(fake) == ["warmup", "before", "steady", "after", "stacks", "proof", "drain", "stop"]
    assert [(name, users) for name, users, *_ in fake.levels] == [
        ("before", 2), ("steady", 20), ("after", 2), ("stacks", 20), ("proof", 20),
    ]  # fmt: skip
    steady = next(each for each in fake.levels if each[0] == "steady")
    assert steady[3] - steady[2] == pytest.approx(10, abs=0.5)


def test_an_open_ramp_rises_in_small_steps_and_never_past_its_end() -> None:
    fake = conduct(Profile(model="open", shape="ramp", rate=100.0, rise_s=10, duration_s=30, warmup_s=0))
    rates = [rate for _, rate in fake.asked]
    assert rates[0] <= 5 and max(rates) == 100.0
    assert all(0 < after - before <= 6 for before, after in pairwise(rates[:20]))
    assert [(name, level) for name, level, *_ in fake.levels] == [("steady", 100.0), ("stacks", 100.0)]


def test_a_breakpoint_stays_where_it_broke() -> None:
    """A capacity of 400 with 50 a user: 8 users wait for nobody, and 60 ms are reached with 24."""
    profile = Profile(shape="breakpoint", users=4, growth=1.5, duration_s=120, limits=LimitSet(p95_ms=60.0))
    fake = conduct(profile)
    assert phases(fake) == ["breakpoint", "steady", "stacks", "proof", "drain", "stop"]
    broke = fake.events["broke"]
    assert broke["limit"] in ("p95_ms", "throughput")
    steady = next(each for each in fake.levels if each[0] == "steady")
    assert steady[1] == broke["level"] > broke["held"] >= 8


def test_an_open_breakpoint_breaks_where_the_rate_is_not_answered() -> None:
    profile = Profile(model="open", shape="breakpoint", rate=100.0, growth=1.5, duration_s=120)
    fake = conduct(profile)
    broke = fake.events["broke"]
    assert (broke["limit"], broke["level"], broke["held"]) == ("throughput", pytest.approx(506.25), 337.5)
    assert phases(fake) == ["breakpoint", "steady", "stacks", "drain", "stop"]


def test_a_breakpoint_that_nothing_breaks_ends_with_its_time() -> None:
    fake = conduct(Profile(shape="breakpoint", users=1, duration_s=60), capacity=1e9, proof=False, stacks=False)
    assert fake.events["broke"]["limit"] is None
    assert ended(fake) <= 61


def test_a_replay_is_measured_but_for_its_first_and_last_seconds() -> None:
    replay = Replay(tuple(Arrival(0.1 * number, "GET", "/") for number in range(301)), skipped=3)
    fake = conduct(Profile(model="open", shape="replay", duration_s=60), replay=replay)
    assert phases(fake) == ["warmup", "steady", "stacks", "drain", "stop"]
    assert fake.replaying == 0.0
    assert fake.events["replay"] == {
        "sent": 301, "skipped": 3, "unread": 0, "left": 0, "seconds": 30.0, "speed": 1.0,
    }  # fmt: skip
    assert fake.levels[0][1] == pytest.approx(10.0, abs=0.2)
    assert ended(fake) == pytest.approx(30.0, abs=1.0)


def wanted(users: int | None, *, over: bool = False, classes: tuple[str, ...] = ()) -> Wanted:
    return Wanted("Mine", users, 5.0, classes, over)


def test_a_shape_of_the_locustfile_says_how_many_and_ends_the_load() -> None:
    shape = [
        (-1.0, Wanted("Mine")),
        (0.0, wanted(3)),
        (5.0, wanted(10, classes=("Buyer",))),
        (12.0, wanted(2)),
        (15.0, wanted(2, over=True)),
    ]
    fake = conduct(Profile(shape="own"), shape=shape, stacks=False, proof=False)
    assert phases(fake) == ["steady", "drain", "stop"]
    assert fake.told[:3] == [(3, 5.0, ()), (10, 5.0, ("Buyer",)), (2, 5.0, ())]
    assert [users for _, users, *_ in fake.levels] == [3, 10, 2]
    assert ended(fake) == pytest.approx(15.0, abs=0.2)


def test_after_the_shape_its_most_users_are_looked_at() -> None:
    shape = [(0.0, wanted(10)), (5.0, wanted(10, over=True))]
    fake = conduct(Profile(shape="own"), shape=shape)
    assert phases(fake) == ["steady", "stacks", "proof", "drain", "stop"]
    assert [users for name, users, *_ in fake.levels if name != "steady"] == [10, 10]
