"""The turns that two systems take: with a clock that is told the time, and loads that answer by arithmetic."""

from __future__ import annotations

import pytest

from loadlab.clock import FakeClock
from loadlab.errors import LoadError
from loadlab.experiments.counting import WindowCounter
from loadlab.experiments.trial import FEWEST_ROUNDS, ROUNDS, Side, Trial
from loadlab.load import LoadInterval


class Server:
    """A load on a system that answers `rps` while there are users; ends an interval at each cut."""

    def __init__(self, rps: float, clock: FakeClock) -> None:
        self.rps, self.clock, self.users, self.start = rps, clock, 0, clock.monotonic()
        self.most = 0
        self.counter = WindowCounter()
        self.dead = False

    def set_users(self, users: int) -> None:
        self.cut()
        self.users, self.most = users, max(self.most, users)

    def cut(self) -> None:
        now = self.clock.monotonic()
        count = round(self.rps * (now - self.start)) if self.users else 0
        heard = LoadInterval(self.start, now, self.users, self.users, count, count, 0, 0, 0)
        self.counter.interval(heard)
        self.start = now

    def check(self) -> None:
        if self.dead:
            raise LoadError("died")


def trial(before: Server, after: Server, clock: FakeClock) -> Trial:
    sides = tuple(Side(name, each, each.counter, lambda: None) for name, each in (("before", before), ("after", after)))
    return Trial((sides[0], sides[1]), 16, clock, clock.monotonic)


def test_each_round_has_a_window_of_both_and_only_one_is_loaded() -> None:
    clock = FakeClock()
    before, after = Server(400, clock), Server(800, clock)
    events = trial(before, after, clock).run(60.0)
    assert {(each.data["round"], each.data["variant"]) for each in events} == {
        (number, name) for number in range(ROUNDS) for name in ("before", "after")
    }
    rates = {name: [_rate(each) for each in events if each.data["variant"] == name] for name in ("before", "after")}
    assert rates["before"] == pytest.approx([400] * ROUNDS, rel=0.01)
    assert rates["after"] == pytest.approx([800] * ROUNDS, rel=0.01)
    assert before.users == after.users == 0 and before.most == 16


def _rate(event: object) -> float:
    data = event.data  # type: ignore[attr-defined]
    return float(data["completed"] / (data["end"] - data["start"]))


def test_a_short_budget_still_gives_the_fewest_rounds() -> None:
    clock = FakeClock()
    events = trial(Server(400, clock), Server(800, clock), clock).run(1.0)
    assert max(each.data["round"] for each in events) == FEWEST_ROUNDS - 1


def test_slow_systems_get_longer_windows() -> None:
    clock = FakeClock()
    events = trial(Server(20, clock), Server(20, clock), clock).run(60.0)
    assert all(each.data["end"] - each.data["start"] >= 2.0 for each in events)


def test_a_load_that_died_ends_it() -> None:
    clock = FakeClock()
    before = Server(400, clock)
    before.dead = True
    with pytest.raises(LoadError):
        trial(before, Server(800, clock), clock).run(60.0)
