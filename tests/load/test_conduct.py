"""The timeline of a run on a fake clock, with a generator that behaves like a server of known capacity."""

from __future__ import annotations

import pytest

from loadlab.clock import FakeClock
from loadlab.load import LoadInterval
from loadlab.load._conduct import Conductor, Meter
from loadlab.spec.model import Profile


class Fake:
    """Generator and recorder in one: answers min(capacity, each * users) requests a second."""

    def __init__(self, clock: FakeClock, capacity: float = 400.0, each: float = 50.0) -> None:
        self.clock = clock
        self.capacity, self.each = capacity, each
        self.meter = Meter()
        self.users = 0
        self.last = 0.0
        self.phases: list[tuple[str, float]] = []
        self.levels: list[tuple[str, int, float, float]] = []
        self.open_level: tuple[str, int, float] | None = None
        self.rate: float | None = None

    def now(self) -> float:
        return self.clock.monotonic()

    def set_users(self, users: int) -> None:
        self.cut()
        self.users = users

    def set_rate(self, rate: float) -> None:
        self.rate = rate

    def check(self) -> None:
        pass

    def cut(self) -> None:
        now = self.now()
        answered = round(min(self.capacity, self.each * self.users) * (now - self.last))
        self.meter.interval(LoadInterval(self.last, now, self.users, 0, answered, answered, 0, 0, 0))
        self.last = now

    def phase(self, name: str) -> None:
        self.phases.append((name, self.now()))

    def level(self, users: int, phase: str, *, start: float | None = None) -> None:
        self.open_level = (phase, users, self.now())

    def level_end(self) -> None:
        assert self.open_level is not None
        self.levels.append((*self.open_level, self.now()))


def conduct(profile: Profile, *, stacks: bool = True, proof: bool = True, capacity: float = 400.0) -> Fake:
    clock = FakeClock()
    fake = Fake(clock, capacity)
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
    ).conduct()
    return fake


def test_a_default_run_takes_a_minute() -> None:
    fake = conduct(Profile())
    assert [name for name, _ in fake.phases] == ["search", "steady", "stacks", "proof", "stop"]
    assert fake.phases[-1][1] <= 62.0
    times = dict(fake.phases)
    assert times["stacks"] - times["steady"] == pytest.approx(12.0, abs=0.5)


def test_the_level_held_is_just_past_the_knee() -> None:
    fake = conduct(Profile())
    steady = next(each for each in fake.levels if each[0] == "steady")
    assert steady[1] == 16
    assert [each[1] for each in fake.levels if each[0] == "search"] == [1, 2, 4, 8, 16, 32]


def test_a_constant_profile_is_doubled_for_a_moment_and_put_back() -> None:
    fake = conduct(Profile(shape="constant", users=5, duration_s=40, warmup_s=4))
    assert [(name, users) for name, users, *_ in fake.levels] == [
        ("steady", 5),
        ("stacks", 5),
        ("more_users", 10),
        ("proof", 5),
    ]
    assert fake.users == 5
    assert fake.phases[-1][1] == pytest.approx(40.0, abs=2.0)


def test_a_ramp_with_users_rises_to_them() -> None:
    fake = conduct(Profile(users=20, duration_s=40))
    assert next(each for each in fake.levels if each[0] == "steady")[1] == 20


def test_without_stacks_and_proof_nothing_waits_for_them() -> None:
    fake = conduct(Profile(), stacks=False, proof=False)
    assert [name for name, _ in fake.phases] == ["search", "steady", "stop"]
    assert fake.phases[-1][1] < 30


def test_the_open_model_holds_its_rate() -> None:
    fake = conduct(Profile(model="open", rate=100.0, shape="constant", duration_s=20, warmup_s=2))
    assert fake.rate == 100.0
    assert [name for name, _ in fake.phases] == ["warmup", "steady", "stacks", "stop"]


def test_a_slow_system_gets_longer_levels() -> None:
    fake = conduct(Profile(), capacity=8.0)
    spans = [end - start for phase, _, start, end in fake.levels if phase == "search"]
    assert max(spans) > 3.0
