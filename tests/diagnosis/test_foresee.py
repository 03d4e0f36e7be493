"""What limits after this one, as a verdict says it."""

from __future__ import annotations

from types import ModuleType

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.foresee import NAMES, foresee
from loadlab.diagnosis.judge import diagnose
from loadlab.diagnosis.model import Finding, Remedy
from loadlab.report.words import after, when
from loadlab.signals.headroom import FARTHEST, Headroom, Place
from tests.build import Builder, Proc

RESOURCES = {*NAMES, "cores"}


def finding(gain: float | None) -> Finding:
    return Finding("kind", "cpu", "app", "supported", "", (), Remedy("step", "do it", gain))


def rule(**attributes: object) -> dict[str, ModuleType]:
    module = ModuleType("kind")
    vars(module).update(attributes)
    return {"kind": module}


HEADROOM = Headroom(100.0, (Place("app", "core", 1.0, 1.0), Place("", "cores", 1.1, 2.0, (("app", 1.0),))))


@pytest.mark.parametrize(
    ("gain", "capped"), [(None, None), (1.2, 1.2), (5.0, 1.82)], ids=["not-said", "smaller", "capped"]
)
def test_the_gain_is_no_more_than_the_next_limit_allows(gain: float | None, capped: float | None) -> None:
    first, found = foresee(finding(gain), rule(LIFTS=("core",)), HEADROOM)
    assert found is not None and (found.service, found.resource, found.at_most) == (None, "cores", False)
    assert found.requests_per_s == pytest.approx(181.8, abs=0.1)
    assert first.remedy.expected_gain == capped


@pytest.mark.parametrize(
    ("attributes", "headroom"),
    [({}, HEADROOM), ({"LIFTS": ("core",)}, None), ({"LIFTS": ("core", "cores")}, HEADROOM)],
    ids=["the-rule-does-not-say", "not-measured", "nothing-left"],
)
def test_nothing_is_foreseen_where_it_cannot_be(attributes: dict[str, object], headroom: Headroom | None) -> None:
    assert foresee(finding(3.0), rule(**attributes), headroom) == (finding(3.0), None)


def test_rules_lift_resources_that_there_are() -> None:
    for name, unit in units("rules").items():
        assert set(getattr(unit, "LIFTS", ())) <= RESOURCES, name
        assert not getattr(unit, "SPARES", False) or hasattr(unit, "LIFTS"), name


def test_a_full_core_on_an_idle_machine_ends_at_the_machine() -> None:
    built = Builder(cores=2, noise=0.1).service("app", Proc(cores=0.97, busy=0.99)).load(400.0).generator(0.1).host()
    diagnosis = diagnose(built.recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "single_core"
    assert diagnosis.next is not None and diagnosis.next.resource == "cores"
    assert diagnosis.next.factor == pytest.approx(2 / 1.07, rel=0.1)
    assert diagnosis.bottleneck.remedy.expected_gain == pytest.approx(diagnosis.next.factor, rel=0.1)
    assert "full at about 7" in after(diagnosis.next)


def test_where_nothing_limits_it_says_what_will_first() -> None:
    built = Builder(cores=2, noise=0.1).service("app", Proc(cores=0.3, busy=0.3)).load(100.0, growth=1.9)
    diagnosis = diagnose(built.generator(0.1).host().recording())
    assert (diagnosis.outcome, diagnosis.bottleneck) == ("none", None)
    assert diagnosis.next is not None and (diagnosis.next.service, diagnosis.next.at_most) == ("app", True)
    assert diagnosis.next.factor == pytest.approx(1 / 0.3, rel=0.15)
    assert when(diagnosis.outcome) == "headroom" and "if nothing else limits before" in after(diagnosis.next)


def test_where_next_to_nothing_is_used_no_limit_is_foretold() -> None:
    built = Builder(cores=2).service("app", Proc(cores=0.02, busy=0.02)).load(5.0, growth=1.9)
    assert diagnose(built.generator(0.01).host().recording()).next is None


def test_no_more_is_promised_than_can_be_foreseen() -> None:
    first, found = foresee(finding(8.0), rule(LIFTS=("core", "cores")), HEADROOM)
    assert (first.remedy.expected_gain, found) == (FARTHEST, None)
