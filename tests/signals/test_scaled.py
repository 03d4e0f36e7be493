"""When a scaler is behind its load, and when it does not come to rest; and what only looks like it."""

from __future__ import annotations

import pytest

from loadlab.signals.behind import stretches
from loadlab.signals.hunting import hunt, turns
from loadlab.signals.scaling import Change, Scaled
from tests.scalers import Part, scaled

NAN = float("nan")
CALM = Part(10, 4, 45, 15, 1)


def step(*rest: Part, **policy: float) -> Scaled:
    """A calm stretch, then what comes after it."""
    return scaled(CALM, *rest, **policy)


LATE = [
    (step(Part(10, 32, 220, 95, 1), Part(10, 32, 50, 60, 3)), True, "slow until two more were there"),
    (
        step(Part(10, 32, 220, 95, 1), Part(10, 32, 220, 95, 4)),
        False,
        "as slow with all instances: not for want of them",
    ),
    (step(Part(10, 32, 60, 95, 1), Part(10, 32, 50, 60, 3)), False, "it wanted more, and nobody waited"),
    (step(Part(3, 32, 220, 95, 1), Part(10, 32, 50, 60, 3)), False, "three seconds, which any scaler takes"),
    (step(Part(10, 32, 220, 50, 1), Part(10, 32, 50, 40, 3)), False, "it wanted none meanwhile"),
    (step(Part(10, 32, 220, 95, 4), Part(10, 32, 50, 60, 4)), False, "it had all there may be"),
    (step(Part(10, 32, 220, NAN, 1), Part(10, 32, 50, 60, 3)), False, "what it saw is not known"),
    (step(Part(10, 32, 220, 95, 1, "search"), Part(10, 32, 50, 60, 3)), False, "loadlab's own search raised the load"),
    (step(Part(10, 32, 220, 95, 1), Part(10, 32, 50, 60, 1)), False, "calm came without an instance more"),
    (step(Part(12, 32, None, 95, 1), Part(10, 32, 50, 60, 3)), False, "no answer at all is no latency"),
    (step(Part(10, 32, 220, 95, 1)), True, "the run ended before they came: against the time before"),
    (step(Part(10, 32, 150, 95, 1)), False, "the same, but no slower than a higher load makes it"),
    (step(Part(10, 32, 220, 95, 1), Part(10, 4, 45, 15, 2)), True, "a spike that went before they came"),
    (scaled(Part(10, 32, 220, 95, 1)), False, "nothing to compare with"),
]


@pytest.mark.parametrize(("seen", "late", "why"), LATE, ids=[each[2] for each in LATE])
def test_users_who_wait_for_instances(seen: Scaled, late: bool, why: str) -> None:
    assert bool(stretches(seen, "steps")) is late, why


def test_what_is_said_of_a_stretch() -> None:
    (found,) = stretches(step(Part(10, 32, 220, 95, 1), Part(10, 32, 55, 60, 3)), "steps")
    assert found.caught_up
    assert (found.first, found.then) == (1, 3)
    assert (found.start, found.end, found.slow_s) == (10.0, 20.0, 10.0)
    assert found.slower == pytest.approx(4.0)


def test_a_metric_that_wobbles_is_one_stretch() -> None:
    wobbling = [Part(3, 32, 220, 95, 1), Part(1, 32, 220, 68, 1), Part(3, 32, 220, 95, 1)]
    assert len(stretches(step(*wobbling, Part(10, 32, 50, 60, 3)), "steps")) == 1


def test_the_metric_knows_of_a_load_later_than_its_users() -> None:
    """It is a mean of three seconds: those before it crossed its limit count as well."""
    rest = (Part(3, 32, 220, 60, 1), Part(4, 32, 220, 95, 1), Part(10, 32, 50, 60, 3))
    assert [each.slow_s for each in stretches(step(*rest), "steps")] == [7.0]


@pytest.mark.parametrize(("shape", "count"), [("ramp", 1), ("constant", 0)])
def test_a_warm_up_is_only_judged_where_it_is_the_rise_of_the_load(shape: str, count: int) -> None:
    seen = step(Part(10, 32, 220, 95, 1, "warmup"), Part(10, 32, 50, 60, 3))
    assert len(stretches(seen, shape)) == count


TO_AND_FRO = [(5.0, 1), (10.0, -1), (15.0, 1), (20.0, -1), (25.0, 1)]
LEVEL = [
    (scaled(Part(40, 60, 80, 50, 1), changes=TO_AND_FRO), 4, "by turns at one load"),
    (
        scaled(*(Part(10, each, 80, 50, 1) for each in (60, 20, 60, 20)), changes=TO_AND_FRO),
        1,
        "the load itself changes",
    ),
    (scaled(Part(40, 60, 80, 50, 1), changes=[(5.0, 1), (10.0, 1), (15.0, 1)]), 0, "one way"),
    (scaled(Part(40, 60, 80, 50, 1), changes=[(5.0, 1), (10.0, 1), (15.0, -1)]), 1, "too far, and back"),
    (scaled(Part(40, 60, 80, 50, 1, "search"), changes=TO_AND_FRO), None, "while loadlab searched"),
    (scaled(Part(40, NAN, 80, 50, 1), changes=TO_AND_FRO), None, "the load is not known"),
]


@pytest.mark.parametrize(("seen", "expected", "why"), LEVEL, ids=[each[2] for each in LEVEL])
def test_a_scaler_that_does_not_come_to_rest(seen: Scaled, expected: int | None, why: str) -> None:
    found = hunt(seen)
    assert (None if found is None else found.turns) == expected, why


def test_what_users_notice_of_it() -> None:
    parts = [Part(5, 60, 400, 90, 1), Part(5, 60, 60, 40, 2)] * 3
    found = hunt(scaled(*parts, changes=TO_AND_FRO))
    assert found is not None
    assert (found.fewest, found.most, found.few_ms, found.many_ms) == (1, 2, 400, 60)
    assert (found.outs, found.ins, found.seconds) == (3, 2, 30)


def test_turns_are_changes_of_direction() -> None:
    changes = [Change(float(t), each, None) for t, each in enumerate((1, 1, -1, -1, 1, -1))]
    assert turns(changes, 0, 10) == 3
    assert turns(changes, 0, 1) == 0
