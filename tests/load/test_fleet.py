"""Several processes as one: what adds up, what is divided, and what becomes of one that dies."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.clock import FakeClock
from loadlab.errors import LoadError
from loadlab.load import Listener, LoadInterval
from loadlab.load._book import Book
from loadlab.load.fleet import PATIENCE_S, Fleet
from loadlab.load.merge import in_a_row, merged, share
from loadlab.recording import histogram


@dataclass
class Fake:
    """A process of which the test is in charge. Its book is real: what it says obeys the law."""

    name: str
    ear: Listener
    pids: tuple[int, ...] = (1,)
    alive: bool = True
    problem: str = ""
    told: list[tuple[object, ...]] = field(default_factory=list)
    book: Book = field(default_factory=lambda: Book(0.0))
    deaf: bool = False

    def work(self, sent: int, answered: int) -> None:
        for _ in range(sent):
            self.book.sent()
        for number in range(answered):
            self.book.done("GET /", 0.0, 0.0, 0.001 * (number + 1), 0.002 * (number + 1), ok=True)

    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None:
        self.told.append(("users", users, spawn_rate, classes))

    def set_rate(self, rate: float, part: tuple[int, int] | None = None) -> None:
        self.told.append(("rate", rate, part))

    def replay(self) -> None:
        self.told.append(("replay",))

    def own_shape(self) -> None:
        self.told.append(("own_shape",))

    def cut(self, number: int = 1) -> None:
        if not self.deaf:
            self.ear.interval(self.book.cut(float(number), number))

    def check(self) -> None:
        if self.problem:
            raise LoadError(self.problem)

    def stop(self) -> None:
        self.ear.interval(self.book.cut(99.0))


@dataclass
class Heard:
    intervals: list[LoadInterval] = field(default_factory=list)

    def interval(self, interval: LoadInterval) -> None:
        self.intervals.append(interval)

    def law(self) -> bool:
        """sent = succeeded + failed + in flight at the end of each, and each answer is in the arrays."""
        sent = done = 0
        for each in self.intervals:
            sent += each.sent
            done += each.succeeded + each.failed
            arrays = sum(len(one.latency_us) for one in each.endpoints)
            if sent != done + each.in_flight or arrays != each.succeeded + each.failed:
                return False
        return True


class World:
    def __init__(self, count: int = 3) -> None:
        self.clock, self.heard, self.notes = FakeClock(), Heard(), list[str]()
        self.fleet = Fleet(self.heard, self.clock, 0.0, self.notes.append)
        self.members = [self.fleet.join(self._made(index)) for index in range(count)]

    def _made(self, index: int) -> Callable[[Listener], Fake]:
        return lambda ear: Fake(f"process {index + 1}", ear)


def test_users_and_rates_are_divided_and_add_up() -> None:
    world = World()
    world.fleet.set_users(8, 6.0)
    assert [each.told[-1] for each in world.members] == [("users", n, 2.0, ()) for n in (3, 3, 2)]
    world.fleet.set_rate(90.0)
    assert [each.told[-1] for each in world.members] == [("rate", 30.0, (index, 3)) for index in range(3)]
    world.fleet.own_shape()
    assert [each.told[-1][0] for each in world.members] == ["own_shape", "rate", "rate"]


def test_who_is_left_divides_an_even_rate_anew() -> None:
    world = World()
    world.fleet.set_rate(90.0)
    world.members[1].problem = "it died"
    world.fleet.check()
    assert world.members[0].told[-1] == ("rate", 45.0, (0, 2))
    assert world.members[2].told[-1] == ("rate", 45.0, (1, 2))


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_shares_add_up_and_differ_by_one_at_most(whole: int, count: int) -> None:
    shares = [share(whole, index, count) for index in range(count)]
    assert sum(shares) == whole and max(shares) - min(shares) <= 1


def test_an_interval_is_told_when_all_have_ended_it() -> None:
    world = World()
    for number, each in enumerate(world.members, 1):
        each.work(10 * number, 5 * number)
    world.fleet.cut()
    (told,) = world.heard.intervals
    assert (told.sent, told.succeeded, told.in_flight, told.cut) == (60, 30, 30, 1)
    assert len(told.endpoints) == 1 and len(told.endpoints[0].latency_us) == 30
    assert world.heard.law()


def test_who_ends_none_keeps_the_others_waiting_but_not_for_long() -> None:
    world = World()
    for each in world.members:
        each.work(4, 2)
    world.members[1].deaf = True
    world.fleet.cut()
    assert world.heard.intervals == []
    world.clock.sleep(PATIENCE_S)
    world.fleet.cut()
    assert [each.succeeded for each in world.heard.intervals] == [4]
    world.members[1].deaf = False
    world.fleet.cut()
    assert [each.succeeded for each in world.heard.intervals] == [4, 0, 2] and world.heard.law()


def test_one_that_dies_is_named_and_the_others_have_its_share() -> None:
    world = World()
    world.fleet.set_users(9)
    for each in world.members:
        each.work(6, 2)
    world.fleet.cut()
    world.members[2].problem = "killed by SIGKILL"
    world.fleet.check()
    assert [each.told[-1][1] for each in world.members] == [5, 4, 3]  # the last one is not told any more
    lost = world.heard.intervals[-1]
    assert (lost.failed, lost.errors[0].error, lost.errors[0].count) == (4, "GeneratorDied", 4)
    assert "process 3 is gone" in world.notes[0] and "2 of 3" in world.notes[0] and "SIGKILL" in world.notes[0]
    world.fleet.cut()
    assert world.heard.law() and world.heard.intervals[-1].in_flight == 8
    world.fleet.check()
    assert len(world.notes) == 1


@pytest.mark.parametrize("how", ["replay", "own_shape", "last"])
def test_a_load_that_cannot_be_divided_anew_ends_the_run(how: str) -> None:
    world = World(1 if how == "last" else 3)
    if how != "last":
        getattr(world.fleet, how)()
    world.members[0].problem = "it ended"
    with pytest.raises(LoadError, match="process 1: it ended"):
        world.fleet.check()


def test_what_was_counted_last_is_told_at_the_end() -> None:
    world = World()
    for each in world.members:
        each.work(3, 3)
    world.fleet.stop()
    assert sum(each.succeeded for each in world.heard.intervals) == 9 and world.heard.law()


@settings(max_examples=60)
@given(st.data())
def test_nothing_is_lost_whoever_is_slow_dumb_or_dead(data: st.DataObject) -> None:
    world = World(4)
    world.fleet.set_users(10)
    alive = list(world.members)
    for _ in range(data.draw(st.integers(1, 12))):
        for each in alive:
            under_way = each.book.in_flight
            sent = data.draw(st.integers(0, 5))
            each.work(sent, data.draw(st.integers(0, under_way + sent)))
            each.deaf = data.draw(st.booleans())
        world.clock.sleep(data.draw(st.sampled_from([0.1, PATIENCE_S])))
        world.fleet.cut()
        if len(alive) > 1 and data.draw(st.integers(0, 9)) == 0:
            died = alive.pop()
            died.cut(world.fleet._cuts)  # its last word; what it counted after that nobody knows
            died.problem = "gone"
            world.fleet.check()
        assert world.heard.law()


def test_percentiles_of_four_workers_are_those_of_every_single_latency() -> None:
    """HdrHistogram with three digits: within 0.1% of a full sort."""
    chance = random.Random(7)
    parts, every = [], array("I")
    for seed in range(4):
        us = array("I", (int(chance.lognormvariate(8 + 0.2 * seed, 0.9)) + 1 for _ in range(20_000)))
        every.extend(us)
        book = Book(0.0)
        for each in us:
            book.sent()
            book.done("GET /", 0.0, 0.0, each / 1e6, each / 1e6, ok=True)
        parts.append(book.cut(1.0, 1))
    (endpoint,) = merged(parts).endpoints
    assert sorted(endpoint.latency_us) == sorted(every)
    found = histogram.quantiles(np.bincount(histogram.indices(endpoint.latency_us)))
    assert found is not None
    for percent, ms in ((50, found.p50_ms), (90, found.p90_ms), (95, found.p95_ms), (99, found.p99_ms)):
        true = float(np.percentile(every, percent, method="inverted_cdf"))
        assert 1000 * ms == pytest.approx(true, rel=0.001)


def test_in_a_row_what_is_under_way_is_that_of_the_last() -> None:
    book = Book(0.0)
    parts = []
    for number in (1, 2):
        for _ in range(3):
            book.sent()
        book.done("GET /", 0.0, 0.0, 0.1, 0.1, ok=True)
        parts.append(book.cut(float(number)))
    both = in_a_row(parts)
    assert (both.start, both.end, both.sent, both.succeeded, both.in_flight) == (0.0, 2.0, 6, 2, 4)
