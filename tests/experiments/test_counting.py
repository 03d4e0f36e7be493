"""Counting requests between two moments from the intervals that were reported."""

from __future__ import annotations

import pytest

from loadlab.experiments.counting import KEPT, TOLERANCE_S, WindowCounter
from loadlab.load import LoadInterval


def heard(*parts: tuple[float, float, int]) -> WindowCounter:
    counter = WindowCounter()
    for start, end, done in parts:
        counter.interval(LoadInterval(start, end, 4, 4, done, done - 1, 1, 0, 0))
    return counter


CUT = ((0.0, 1.0, 100), (1.0, 1.13, 13), (1.13, 1.62, 50), (1.62, 1.7, 9), (1.7, 2.0, 31))


def test_a_window_is_the_intervals_between_its_cuts() -> None:
    found = heard(*CUT).between(1.12, 1.61)
    assert found is not None
    assert (found.completed, found.start, found.end) == (50, 1.13, 1.62)
    assert found.rate == pytest.approx(102.04, abs=0.01)
    assert found.response_s == pytest.approx(0.0392, abs=0.0001)


def test_several_intervals_add_up() -> None:
    found = heard(*CUT).between(1.0, 2.0)
    assert found is not None
    assert (found.completed, found.start, found.end) == (103, 1.0, 2.0)


def test_a_generator_that_was_not_cut_gives_no_count() -> None:
    whole = heard((0.0, 1.0, 100), (1.0, 2.0, 100), (2.0, 3.0, 100))
    assert whole.between(1.3, 1.8) is None
    assert whole.between(1.0 + TOLERANCE_S + 0.01, 2.0) is None
    assert whole.between(1.0 + TOLERANCE_S - 0.01, 2.0) is not None


def test_before_anything_was_heard() -> None:
    assert WindowCounter().between(0, 1) is None
    assert WindowCounter().until == float("-inf")


def test_nothing_completed_is_a_count_of_nought() -> None:
    counter = WindowCounter()
    counter.interval(LoadInterval(0, 1, 4, 4, 0, 0, 0, 0, 0))
    found = counter.between(0, 1)
    assert found is not None
    assert (found.completed, found.response_s) == (0, float("inf"))


def test_memory_is_bounded() -> None:
    counter = heard(*((n, n + 1.0, 5) for n in range(KEPT + 10)))
    assert counter.between(0, 5) is None
    assert counter.until == KEPT + 10
