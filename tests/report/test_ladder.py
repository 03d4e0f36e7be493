"""Arrangements side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from loadlab.diagnosis.model import Capacity, Diagnosis
from loadlab.flow import judge
from loadlab.recording.model import Recording
from loadlab.report import ladder
from loadlab.signals import Signals
from tests.report import examples


def run(capacity: float | None) -> tuple[Recording, Diagnosis]:
    """A recording, with a diagnosis that has this capacity."""
    recording = examples.bottleneck()
    found = Capacity(capacity, 8, 4.0, 9.0, steady_rps=50.0) if capacity is not None else None
    return recording, replace(judge(recording), capacity=found)


@pytest.mark.parametrize(
    ("capacities", "factors", "steps", "best"),
    [
        ((100.0, 190.0, 380.0), [1.0, 1.9, 3.8], [None, 1.9, 2.0], 2),
        ((100.0, 300.0, 310.0), [1.0, 3.0, 3.1], [None, 3.0, 310 / 300], 1),
        ((100.0, 109.0), [1.0, 1.09], [None, 1.09], None),
        ((100.0, 60.0), [1.0, 0.6], [None, 0.6], None),
        ((None, 60.0, 90.0), [None, None, None], [None, None, 1.5], 2),
        ((100.0, None, 90.0), [1.0, None, 0.9], [None, None, None], None),
        ((0.0, 60.0), [None, None], [None, None], None),
    ],
)
def test_a_step_is_held_against_the_rung_before_it(
    capacities: tuple[float | None, ...], factors: list[Any], steps: list[Any], best: int | None
) -> None:
    found = ladder.build([run(each) for each in capacities])
    assert [each.factor for each in found.rungs] == pytest.approx(factors)
    assert [each.step for each in found.rungs] == pytest.approx(steps)
    assert found.best_step is (None if best is None else found.rungs[best])


def test_cost_is_cores_over_requests_of_the_same_window() -> None:
    recording, diagnosis = run(100.0)
    found = ladder.build([(recording, diagnosis)]).rungs[0]
    assert found.cpu_s_per_1000 == pytest.approx(Signals(recording).cpu.system_cores / 50.0 * 1000)
    assert found.kind == "single_core"


def test_other_loads_do_not_compare() -> None:
    first, second = run(100.0), run(200.0)
    other = dict(second[0].meta.profile) | {"users": 999_999}
    second[0].meta = replace(second[0].meta, profile=other)
    found = ladder.build([first, second])
    assert not found.same_load
    assert found.best_step is None


def test_json_has_every_rung_and_the_best_step() -> None:
    document = json.loads(ladder.render(ladder.build([run(100.0), run(200.0)])))
    assert document["format"] == 1
    assert document["same_load"] is True
    assert document["best_step"] == document["rungs"][1]["name"]
    assert [each["capacity_rps"] for each in document["rungs"]] == [100.0, 200.0]
    assert document["rungs"][0]["step"] is None
