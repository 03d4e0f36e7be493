"""Counters and gauges over a window: resets, gaps, ends inside and outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.model import Entity, Series
from loadlab.signals.rates import increase, mean, peak, per_second, rate
from loadlab.signals.windows import Window

HOST = Entity("host")


def series(t: list[float], v: list[float]) -> Series:
    return Series(HOST, "m", np.array(t, dtype=float), np.array(v, dtype=float))


@pytest.mark.parametrize(
    ("t", "v", "window", "grown"),
    [
        ([0, 10], [0, 100], (0, 10), 100),
        ([0, 10], [0, 100], (2, 4), 20),
        ([0, 10], [0, 100], (5, 20), 50),
        ([3, 5], [0, 10], (0, 10), 10),
        ([0, 1], [0, 10], (2, 3), 0),
        ([0], [5], (0, 1), 0),
        ([], [], (0, 1), 0),
        ([0, 5, 10], [0, float("nan"), 100], (0, 10), 100),
    ],
)
def test_increase(t: list[float], v: list[float], window: tuple[float, float], grown: float) -> None:
    assert increase(series(t, v), Window(*window)) == pytest.approx(grown)


def test_a_counter_that_starts_again_gives_no_negative_rate() -> None:
    found = rate(series([0, 1, 2, 3], [10, 20, 0, 5]))
    assert found.v[0] == 10
    assert np.isnan(found.v[1])
    assert found.v[2] == 5


def test_gauges_that_were_not_seen_are_none() -> None:
    assert mean(series([0, 1], [1, 1]), Window(5, 6)) is None
    assert peak(series([0, 1], [float("nan")] * 2), Window(0, 1)) is None


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40), st.floats(0, 20), st.floats(0.1, 20))
def test_parts_of_a_window_add_up(steps: list[float], start: float, length: float) -> None:
    counter = series(list(range(len(steps))), list(np.cumsum(steps)))
    middle = start + length / 3
    whole = increase(counter, Window(start, start + length))
    parts = increase(counter, Window(start, middle)) + increase(counter, Window(middle, start + length))
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40))
def test_per_second_is_never_negative(values: list[float]) -> None:
    assert per_second(series(list(range(len(values))), values), Window(0, len(values))) >= 0


@pytest.mark.parametrize("seed", range(200))
def test_an_increase_is_what_interpolation_gives_at_both_ends(seed: int) -> None:
    """To the bit, wherever the window lies, on samples or between them, and whichever samples could not tell."""
    random = np.random.default_rng(seed)
    t = np.cumsum(random.random(12) + 0.01)
    v = np.cumsum(random.random(12)) * 10.0 ** random.integers(-3, 9)
    v[random.integers(0, 12, seed % 4)] = np.nan
    start, end = sorted(random.choice([*t, *random.uniform(-2, 12, 12)], 2))
    good = ~np.isnan(v)
    known, values = t[good], v[good]
    seen = start < known[-1] and end > known[0]
    low, high = np.interp([max(start, known[0]), min(end, known[-1])], known, values)
    assert increase(series([*t], [*v]), Window(start, end)) == (max(0.0, high - low) if seen else 0.0)
