"""What a remedy brought, from windows that took turns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadlab.recording.model import Event, Recording
from loadlab.signals import trial
from tests.build import Proc, system


def recording(ratio: float, *, noise: float = 0.0, seed: int = 1, rounds: int = 8, drift: float = 0.0) -> Recording:
    built = system(Proc())
    built.events.append(
        Event(0.0, "trial", "app", data={"kind": "single_core", "says": "twice", "why": "", "times": 2.0, "users": 8})
    )
    chance = np.random.default_rng(seed)
    for number in range(rounds):
        for variant, factor in (("before", 1.0), ("after", ratio)):
            rate = 1000 * factor * (1 + drift * number) * math.exp(noise * chance.standard_normal())
            data = {
                "variant": variant,
                "round": number,
                "start": 0.0,
                "end": 1.0,
                "completed": round(rate),
                "failed": 0,
            }
            built.events.append(Event(0.0, "tried", data=data))
    return built.recording()


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.9, 8.0])
@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.05, 1), (0.05, 2), (0.15, 3)])
def test_the_gain_is_found_within_its_interval(ratio: float, noise: float, seed: int) -> None:
    found = trial.compute(recording(ratio, noise=noise, seed=seed))
    assert found is not None and found.gain is not None and found.low is not None and found.high is not None
    assert found.gain == pytest.approx(ratio, rel=0.01 + noise)
    assert found.low <= found.gain <= found.high
    assert found.rounds == 8


def test_drift_of_the_machine_cancels() -> None:
    found = trial.compute(recording(1.5, drift=0.1))
    assert found is not None and found.gain == pytest.approx(1.5, rel=0.01)


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    chance = np.random.default_rng(7)
    inside = 0
    for _ in range(1000):
        low, high = trial.interval([math.exp(0.1 * each) for each in chance.standard_normal(6)])
        inside += low <= 1.0 <= high
    assert 925 <= inside <= 975


@pytest.mark.parametrize("rounds", [0, 2])
def test_too_few_rounds_give_no_figure(rounds: int) -> None:
    found = trial.compute(recording(1.5, rounds=rounds))
    assert found is not None and found.gain is None and "too few" in found.why


def test_a_window_without_an_answer_is_not_passed_over() -> None:
    made = recording(1.5)
    event = made.events[-1]
    events = (*made.events[:-1], Event(0.0, "tried", data={**event.data, "completed": 0}))
    found = trial.compute(Recording(made.meta, events=events))
    assert found is not None and found.gain is None and found.why == "nothing was answered in 1 of 16 windows"


def test_nothing_was_tried() -> None:
    assert trial.compute(system(Proc()).recording()) is None
