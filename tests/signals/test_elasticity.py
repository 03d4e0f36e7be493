"""The judgement of the slow-down experiment: windows in, elasticities with intervals out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.model import Event, Meta, Recording
from loadlab.signals.elasticity import elasticities, total

META = Meta(1, "x", "", "0", "a", (), {}, {})


def event(candidate: str, start: float, completed: float, share: float = 0.0, seconds: float = 0.5) -> Event:
    data = {"candidate": candidate, "start": start, "end": start + seconds, "share": share, "completed": completed}
    return Event(start, "slowed", candidate, data=data)


def recording(*events: Event) -> Recording:
    return Recording(META, events=events)


def experiment(
    truth: dict[str, float],
    *,
    rounds: int = 5,
    share: float = 0.25,
    noise: float = 0.0,
    drift: float = 0.0,
    seed: int = 0,
) -> Recording:
    """Windows of half a second, an undisturbed one before each slowed one and one at the end. truth: elasticities."""
    rng = np.random.default_rng(seed)
    names = [name for _ in range(rounds) for each in rng.permutation(sorted(truth)) for name in ("", str(each))]
    events = []
    for number, name in enumerate([*names, ""]):
        rate = 400 * (1 + drift * number) * (1 - truth.get(name, 0.0) * share) * (1 + noise * rng.standard_normal())
        events.append(event(name, number * 0.62, rate * 0.5, share if name else 0.0))
    return recording(*events)


def test_without_an_experiment_there_is_nothing() -> None:
    assert elasticities(recording()) == {}
    assert total({}) is None


def test_the_culprit_is_one_the_rest_is_nought() -> None:
    found = elasticities(experiment({"app": 1.0, "db": 0.0, "generator": 0.0}))
    assert list(found) == ["app", "db", "generator"]
    assert found["app"].value == pytest.approx(1.0)
    assert (found["app"].rounds, found["app"].share, found["app"].loss) == (5, pytest.approx(0.25), pytest.approx(0.25))
    assert found["db"].value == pytest.approx(0.0, abs=1e-9)
    assert total(found) == pytest.approx(1.0)


def test_a_drifting_machine_does_not_look_like_a_culprit() -> None:
    found = elasticities(experiment({"app": 1.0, "db": 0.0}, drift=0.03, rounds=6))
    assert found["app"].value == pytest.approx(1.0, abs=0.02)
    assert found["db"].value == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("noise", [0.01, 0.03, 0.06])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(noise: float) -> None:
    held = [
        found.low <= truth <= found.high
        for seed in range(60)
        for truth, found in zip(
            (1.0, 0.0), elasticities(experiment({"app": 1.0, "db": 0.0}, noise=noise, seed=seed)).values(), strict=True
        )
    ]
    assert np.mean(held) >= 0.9


def test_more_noise_gives_a_wider_interval_and_more_rounds_a_narrower_one() -> None:
    def width(noise: float, rounds: int) -> float:
        found = [elasticities(experiment({"a": 1.0}, noise=noise, rounds=rounds, seed=seed))["a"] for seed in range(20)]
        return float(np.mean([each.high - each.low for each in found]))

    assert width(0.01, 5) < width(0.05, 5)
    assert width(0.05, 16) < width(0.05, 4)


def test_too_few_windows_are_no_answer() -> None:
    assert elasticities(experiment({"app": 1.0}, rounds=2)) == {}
    assert elasticities(recording(*[event("app", n, 100, 0.25) for n in range(9)])) == {}


def test_the_share_is_the_one_that_was_measured() -> None:
    windows = [
        event("" if n % 2 == 0 else "app", n, 100 if n % 2 == 0 else 60, 0.0 if n % 2 == 0 else 0.4) for n in range(9)
    ]
    assert elasticities(recording(*windows))["app"].value == pytest.approx(1.0)


def test_windows_of_different_length_are_compared_by_rate() -> None:
    windows: list[Event] = []
    for n in range(5):
        windows += [event("", 4 * n, 100, seconds=1.0), event("app", 4 * n + 2, 150, 0.25, seconds=2.0)]
    assert elasticities(recording(*windows))["app"].value == pytest.approx(1.0)


def test_windows_that_cannot_be_used_are_left_out() -> None:
    good = experiment({"app": 1.0}).events
    bad = (
        Event(1.0, "slowed", data={"candidate": "app"}),
        event("app", 1.0, 5, 0.25, seconds=0.0),
        event("app", 2.0, float("nan"), 0.25),
        event("app", 3.0, 50, 0.0),
        Event(2.0, "note", data={"text": "slowed"}),
    )
    assert elasticities(recording(*good, *bad)) == elasticities(recording(*good))


def test_a_system_that_stood_still_is_no_answer() -> None:
    windows = [event("" if n % 2 == 0 else "app", n, 0, 0.25 * (n % 2)) for n in range(11)]
    assert elasticities(recording(*windows)) == {}


@given(st.permutations(range(11)))
def test_the_same_windows_give_the_same_answer_in_any_order(order: Sequence[int]) -> None:
    events = experiment({"app": 0.8}, noise=0.05).events
    assert elasticities(recording(*(events[each] for each in order))) == elasticities(recording(*events))
