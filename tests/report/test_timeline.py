"""An hour on six hundred points: nothing short is lost, nothing that nobody saw is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.recording.model import Entity, Phase, Recording, RequestInterval, Series
from loadlab.report import timeline
from tests.build import Proc, system

META = system(Proc()).recording().meta


def recorded(*requests: RequestInterval, end: float = 60.0) -> Recording:
    return Recording(META, requests=requests, phases=(Phase("steady", 0.0, end),))


def second(
    start: float, count: int = 100, result: str = "ok", p99: float = 9.0, endpoint: str = "/"
) -> RequestInterval:
    return RequestInterval(start, start + 1, endpoint, result, count, count * 5.0, 5.0, 8.0, p99, 20.0)


def series(t: np.ndarray, v: np.ndarray) -> Series:
    return Series(Entity("process", "app"), "process.rss_bytes", t.astype(float), v.astype(float))


@pytest.mark.parametrize(("seconds", "points"), [(1.0, 20), (60.0, 120), (3600.0, 600)])
def test_a_screen_is_never_given_more_than_it_can_show(seconds: float, points: int) -> None:
    assert len(timeline.grid(recorded(end=seconds))) == points


def test_a_peak_of_one_second_in_an_hour_is_kept_where_the_worst_counts() -> None:
    t = np.arange(0, 3600, 0.5)
    v = np.where(t == 1234.5, 100.0, 0.0)
    points = timeline.grid(recorded(end=3600.0))
    assert np.nanmax(timeline.on(series(t, v), points, worst=True)) == 100.0
    averaged = timeline.on(series(t, v), points)
    assert 0 < np.nanmax(averaged) < 100
    assert np.nanmean(averaged) == pytest.approx(v.mean(), rel=0.02)


def test_a_gap_is_not_bridged_and_a_late_tick_is_no_gap() -> None:
    t = np.concatenate([np.arange(0, 20, 1.0), [21.5], np.arange(40, 60, 1.0)])
    found = timeline.on(series(t, np.ones(len(t))), timeline.grid(recorded()))
    shown = dict(zip(np.round(timeline.grid(recorded())), np.isnan(found), strict=False))
    assert not shown[10.0]
    assert not shown[20.0]
    assert shown[30.0]
    assert not shown[50.0]


def test_samples_that_are_dense_elsewhere_leave_no_gap() -> None:
    """While an experiment cuts intervals short there are several of them a second, before it one."""
    t = np.concatenate([np.arange(0, 10, 1.0), np.arange(10, 30, 0.2)])
    points = np.concatenate([np.arange(0.4, 9, 0.5), np.arange(10, 29, 0.5)])
    assert timeline.on(series(t, t), points) == pytest.approx(points, abs=0.6)


def test_moments_need_not_be_evenly_spaced() -> None:
    t = np.arange(0, 60, 0.5)
    points = np.array([1.0, 4.0, 10.0, 12.0, 40.0, 59.0])
    assert timeline.on(series(t, t), points) == pytest.approx([1.0, 4.5, 9.0, 18.5, 37.75, 54.5], abs=0.3)


def test_nothing_is_drawn_before_the_first_and_after_the_last_sample() -> None:
    found = timeline.on(series(np.arange(10, 20, 1.0), np.ones(10)), timeline.grid(recorded()))
    grid = timeline.grid(recorded())
    assert np.isnan(found[(grid < 9.9) | (grid > 19.1)]).all()


def test_a_tick_that_could_not_tell_is_left_out() -> None:
    t = np.arange(0, 60, 1.0)
    v = np.where(t == 30, np.nan, 5.0)
    assert np.nanmin(timeline.on(series(t, v), timeline.grid(recorded()))) == 5.0


def test_seconds_in_which_nothing_was_answered_show_as_zero() -> None:
    run = recorded(*(second(float(t)) for t in (0, 1, 5, 6)))
    windows = timeline.seconds(run)
    rates = timeline.per_second(run, windows, "ok")
    assert windows[2] == (2.0, 5.0)
    assert rates[2] == 0
    assert rates[0] == 100


def test_a_cut_second_is_joined_to_its_neighbour() -> None:
    parts = [second(0.0), RequestInterval(1.0, 1.1, "/", "ok", 10, 50, 5, 8, 9, 20), second(1.1)]
    windows = timeline.seconds(recorded(*parts))
    assert len(windows) == 2
    assert timeline.per_second(recorded(*parts), windows, "ok").sum() > 0


def test_no_request_is_counted_twice_or_lost() -> None:
    run = recorded(*(second(float(t), count=t, endpoint=str(t % 3)) for t in range(3600)), end=3600.0)
    windows = timeline.seconds(run)
    lengths = np.array([end - start for start, end in windows])
    assert len(windows) <= timeline.POINTS
    assert (timeline.per_second(run, windows, "ok") * lengths).sum() == pytest.approx(sum(range(3600)))


def test_without_histograms_the_worst_endpoint_is_drawn() -> None:
    run = recorded(second(0.0, p99=9.0, endpoint="a"), second(0.0, p99=70.0, endpoint="b"), second(1.0))
    assert timeline.percentiles(run, timeline.seconds(run), ("p99_ms",))["p99_ms"].tolist() == [70.0, 9.0]


def test_with_histograms_the_percentile_is_that_of_all_endpoints() -> None:
    run = system(Proc()).load().recording()
    found = timeline.percentiles(run, timeline.seconds(run), ("p99_ms",))["p99_ms"]
    assert set(found) == {20.0}


def test_an_empty_run_has_no_seconds() -> None:
    assert timeline.seconds(recorded()) == []
