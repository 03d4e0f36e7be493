"""The open model's schedule, without a network: who leaves, who waits, and that nobody is lost from the count."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gevent
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from loadlab.clock import SYSTEM
from loadlab.load import _arrivals
from loadlab.load._arrivals import BURST, Arrivals
from loadlab.load._book import Book


class Slow:
    """Requests that end when they are told to. Like a client, it counts in the book."""

    def __init__(self) -> None:
        self.book = Book(t0=0.0)
        self.under_way: list[Any] = []
        self.asked = 0

    def send(self, due: float, what: object) -> None:
        self.book.sent()
        done = Event()
        self.under_way.append(done)
        done.wait()
        self.book.done("GET /", due, due + 1, due + 1, due + 1, ok=True)

    def ask(self, due: float, what: object, then: Callable[[], object]) -> bool:
        """Every third needs a greenlet."""
        self.asked += 1
        if self.asked % 3 == 0:
            return False
        self.book.sent()

        def over() -> None:
            self.book.done("GET /", due, due + 1, due + 1, due + 1, ok=True)
            then()

        self.under_way.append(over)
        return True

    def finish(self) -> None:
        if self.under_way:
            one = self.under_way.pop(0)
            one.set() if isinstance(one, Event) else one()
        gevent.sleep(0)
        gevent.sleep(0)


OPERATIONS = st.lists(st.sampled_from(["due", "due", "finish", "cut", "rest"]), max_size=80)


@given(OPERATIONS, st.one_of(st.none(), st.integers(1, 5)), st.booleans())
def test_due_is_succeeded_and_failed_and_in_flight_and_not_sent(
    operations: list[str], most: int | None, quick: bool
) -> None:
    slow = Slow()
    arrivals: Arrivals[None] = Arrivals(slow.book, slow.send, even=True, most=most, ask=slow.ask if quick else None)
    due = done = held = 0
    for number, each in enumerate([*operations, "rest", "cut"]):
        if each == "due":
            arrivals.arrive(float(number), None)
        elif each == "finish":
            slow.finish()
        elif each == "rest":
            gevent.sleep(0)
        else:
            interval = slow.book.cut(float(number))
            due, done = due + interval.due, done + interval.succeeded + interval.failed
            held += interval.not_sent
            assert due == done + interval.in_flight + interval.waiting
            assert most is None or interval.in_flight <= most
            assert interval.waiting <= held
    assert due == operations.count("due")
    while slow.under_way:
        slow.finish()
    assert slow.book.counts.succeeded == slow.book.counts.sent == operations.count("due")


def test_after_the_end_nobody_leaves_who_waits() -> None:
    slow = Slow()
    arrivals: Arrivals[None] = Arrivals(slow.book, slow.send, even=True, most=1)
    for number in range(5):
        arrivals.arrive(float(number), None)
    gevent.sleep(0)
    arrivals.stop()
    slow.finish()
    interval = slow.book.cut(9.0)
    assert (interval.due, interval.sent, interval.succeeded, interval.waiting, interval.not_sent) == (5, 1, 1, 4, 4)


@pytest.mark.parametrize("even", [True, False])
def test_a_schedule_that_is_behind_lets_everybody_leave_late(even: bool) -> None:
    """Nothing is dropped, and those who are under way get their turn. gevent puts off greenlets that are to start when
    it has been busy with others for 5 ms, as on a slow machine; then the next burst leaves before the rest of this."""
    sent: list[float] = []
    arrivals: Arrivals[None] = Arrivals(Book(t0=0.0), lambda due, _: sent.append(due), even=even)
    arrivals.at_times((0.001 * number - 5.0, None) for number in range(500))
    gevent.sleep(0.2)
    arrivals.stop()
    assert len(set(sent)) == len(sent) == 500
    assert all(abs(sorted(sent).index(due) - place) <= 8 * BURST for place, due in enumerate(sent))
    assert max(sent) < SYSTEM.monotonic() - 4


def test_who_never_waits_leaves_others_their_turn() -> None:
    """Tasks without a request, on a schedule that is far behind: commands are still heard."""
    sent: list[float] = []
    arrivals: Arrivals[None] = Arrivals(Book(t0=0.0), lambda due, _: sent.append(due), even=True)
    arrivals.at_times((-5.0, None) for _ in range(20_000))
    with gevent.Timeout(30):
        while not sent:  # a timer of 1 ms may ring beside the schedule's own, before anybody has left
            gevent.sleep(0.001)
    arrivals.stop()
    before = len(sent)
    gevent.sleep(0.02)
    assert before < 20_000 and len(sent) <= before + 2 * BURST


def test_who_is_due_when_an_answer_comes_leaves_at_once_and_in_order() -> None:
    slow = Slow()
    sent: list[float] = []

    def send(due: float, what: object) -> None:
        sent.append(due)
        slow.send(due, what)

    arrivals: Arrivals[None] = Arrivals(slow.book, send, even=True)
    now = SYSTEM.monotonic()
    arrivals.at_times([(0.0, None), (0.2, None), (0.201, None)])
    while not sent:
        gevent.sleep(0.001)
    SYSTEM.sleep(0.25)  # nobody has a turn: two are late
    slow.finish()
    assert len(sent) >= 2
    gevent.sleep(0.01)
    while slow.under_way:
        slow.finish()
    assert [due - now for due in sent] == pytest.approx([0.0, 0.2, 0.201], abs=0.01)
    assert slow.book.counts.due == slow.book.counts.succeeded == 3


class Stopped:
    """A clock that can be stopped: what is told at one moment is told at one moment, however slow the machine."""

    def __init__(self) -> None:
        self.at: float | None = None

    def monotonic(self) -> float:
        return SYSTEM.monotonic() if self.at is None else self.at

    def stop(self, at: float | None = None) -> float:
        self.at = SYSTEM.monotonic() if at is None else at
        return self.at

    def go_on(self) -> None:
        self.at = None


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    """The clock of the schedules."""
    found = Stopped()
    monkeypatch.setattr(_arrivals, "SYSTEM", found)
    return found


def test_a_rate_that_changes_moves_the_next_arrival_with_it(watch: Stopped) -> None:
    sent: list[float] = []
    arrivals: Arrivals[None] = Arrivals(Book(t0=0.0), lambda due, _: sent.append(due), even=True)
    start = watch.stop()
    arrivals.at_rate(0.01, None)
    arrivals.at_rate(100.0, None)
    watch.go_on()
    with gevent.Timeout(30):
        while len(sent) < 3:
            gevent.sleep(0.002)
    arrivals.at_rate(0.0, None)
    assert sent[0] - start == pytest.approx(0.01, abs=1e-6)
    assert [b - a for a, b in pairwise(sent)] == pytest.approx([0.01] * (len(sent) - 1), abs=1e-6)
    before = len(sent)
    gevent.sleep(0.05)
    assert len(sent) == before


def test_even_arrivals_of_those_who_are_left_are_even_together_again(watch: Stopped) -> None:
    """Three at 60/s in all; the one in the middle is lost, and the others have 30/s each."""
    sent: list[float] = []
    began = watch.stop()

    def caught_up(since: float, now: float, already: int) -> None:
        """At a moment that stays, whoever was due leaves."""
        with gevent.Timeout(30):
            while len(sent) - already < int((now - since) * 60):
                gevent.sleep(0.001)

    three: list[Arrivals[None]] = [
        Arrivals(Book(t0=0.0), lambda due, _: sent.append(due), even=True, part=(index, 3)) for index in range(3)
    ]
    for each in three:
        each.at_rate(20.0, None, (three.index(each), 3))
    watch.go_on()
    gevent.sleep(0.12)
    changed = watch.stop()
    caught_up(began, changed, 0)
    three[1].stop()
    for index, each in enumerate((three[0], three[2])):
        each.at_rate(30.0, None, (index, 2))
    watch.go_on()
    gevent.sleep(0.2)
    caught_up(changed, watch.stop(), len([due for due in sent if due < changed]))
    for each in three:
        each.stop()
    before, after = sorted(due for due in sent if due < changed), sorted(due for due in sent if due >= changed)
    assert [b - a for a, b in pairwise(before)] == pytest.approx([1 / 60] * (len(before) - 1), abs=1e-6)
    assert [b - a for a, b in pairwise(after)] == pytest.approx([1 / 60] * (len(after) - 1), abs=1e-6)
    assert len(before) >= 5 and len(after) >= 9


def test_who_is_late_when_places_change_stays_late(watch: Stopped) -> None:
    sent: list[float] = []
    arrivals: Arrivals[None] = Arrivals(Book(t0=0.0), lambda due, _: sent.append(due), even=True, part=(1, 2))
    began = watch.stop()
    arrivals.at_rate(100.0, None)
    watch.stop(began + 0.055)  # nobody has had a turn: five are late
    arrivals.at_rate(50.0, None, (0, 1))
    watch.go_on()
    with gevent.Timeout(30):
        while len(sent) < 6:
            gevent.sleep(0.01)
    arrivals.stop()
    assert [due - began for due in sent[:5]] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05], abs=1e-6)
    assert sent[5] - began == pytest.approx(0.075, abs=1e-6)
