"""Arrangements side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from loadlab.diagnosis.model import Capacity, Diagnosis
from loadlab.flow import judge
from loadlab.recording.model import Recording
from loadlab.report import ladder, ladder_page
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
    assert found.cost.cpu_s_per_1000 == pytest.approx(Signals(recording).cpu.system_cores / 50.0 * 1000)
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


def test_memory_is_that_of_all_services_and_efficiency_counts_processes() -> None:
    first, second = (examples.bottleneck(), judge(examples.bottleneck())), run(100.0)
    found = ladder.build([first, second])
    assert found.rungs[0].efficiency == pytest.approx(1.0)
    assert found.rungs[0].cost.processes == 1
    cost = found.rungs[1].cost
    assert cost.memory_mb is not None
    assert cost.mb_per_1000_rps == pytest.approx(cost.memory_mb / 50.0 * 1000)


@pytest.mark.parametrize(("asked", "counts"), [(50.0, True), (52.0, True), (60.0, False)])
def test_a_calm_run_counts_where_its_rate_was_kept(asked: float, counts: bool) -> None:
    recording, diagnosis = run(100.0)
    beside = examples.bottleneck()
    beside.meta = replace(beside.meta, profile={"model": "open", "rate": asked})
    found = ladder.build([(recording, diagnosis)], [(beside, diagnosis)]).rungs[0]
    assert (found.calm is not None) is counts
    assert ("of 60 requests/s were answered" in found.no_calm) is not counts
    if found.calm:
        assert (found.calm.rps, found.calm.p50_ms, found.calm.p99_ms) == (50.0, 4.0, 9.0)


def with_levels(*levels: tuple[int, float], name: str = "shop") -> tuple[Recording, Diagnosis]:
    """A run whose search measured these users and requests/s."""
    recording, diagnosis = run(max(rps for _, rps in levels))
    recording.meta = replace(recording.meta, name=name)
    return recording, replace(diagnosis, signals={"levels": [{"users": n, "rps": x} for n, x in levels]})


def test_the_law_is_fitted_where_there_are_levels_enough() -> None:
    many = with_levels((1, 100), (2, 180), (4, 280), (8, 360), (16, 400))
    few = with_levels((1, 100), (2, 180))
    found = ladder.build([many, few])
    assert found.rungs[0].usl is not None
    assert found.rungs[1].usl is None
    assert "5 different numbers of users" in found.rungs[1].no_usl


def test_the_page_shows_every_rung_and_escapes_its_name() -> None:
    made = ladder.build([with_levels((1, 100), (2, 180), name=examples.HOSTILE), with_levels((1, 90), (4, 390))])
    page = ladder_page.render(made)
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert page.count("<polyline") == 2
    assert "390" in page


def test_curves_lie_on_doublings() -> None:
    drawn = ladder_page.picture(ladder.build([with_levels((1, 100), (2, 200), (4, 400))]).rungs)
    assert drawn is not None
    assert [each.text for each in drawn.across] == ["1", "2", "4"]
    assert [each.text for each in drawn.up] == ["0", "100", "200", "300", "400"]
    assert [x for x, _ in drawn.curves[0].points] == [each.at for each in drawn.across]
    assert drawn.curves[0].points[-1][1] == drawn.up[-1].at


def test_no_picture_of_single_points() -> None:
    assert ladder_page.picture(ladder.build([with_levels((1, 100))]).rungs) is None
    assert "Throughput against users" not in ladder_page.render(ladder.build([with_levels((1, 100))]))
