"""Rules on scalers, each with its look-alikes."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Event, Level, RequestInterval
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests import scalers
from tests.build import STEADY, Builder, Proc

NAN = float("nan")
KINDS = ("scaler_ceiling", "scaler_wrong_metric", "scale_out_lag", "scaler_thrash")


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def behind_nginx(
    *,
    serving: int = 2,
    value: float = 95.0,
    quota: bool = True,
    inside: float = 4.0,
    passed: float = 0.0,
    idle: float = 1.0,
    downstream: float = 0.1,
    added_at: float | None = None,
    noise: float = 0.0,
    **policy: object,
) -> Builder:
    """nginx, two small instances or more of an app, and what they call."""
    built = Builder(noise=noise)
    built.service("lb", Proc(cores=0.05), role="balancer", upstream="app", ports=(8000,))
    built.service("app", *(Proc(cores=0.12, busy=0.3, instance=each) for each in range(serving)), ports=(9001, 9002))
    built.service("store", Proc(cores=downstream))
    built.target = "lb"
    built.load(growth=1.02).generator().host(idle=idle)
    built.edge("lb", "app", outstanding=inside).edge("app", "store", outstanding=passed)
    scalers.add(built, "app", serving=serving, value=value, added_at=added_at, **policy)
    for each in range(serving if quota else 0):
        throttled(built, each)
    return built


def throttled(built: Builder, instance: int) -> None:
    entity = Entity("cgroup", "app", instance)
    built.gauge("cgroup.quota_cores", entity, 0.12)
    built.counter("cgroup.periods", entity, 10)
    built.counter("cgroup.throttled_periods", entity, 9)
    built.counter("cgroup.usage_s", entity, 0.118)
    built.counter("cgroup.throttled_s", entity, 0.5)


CEILING = [
    (behind_nginx(max=2), Found, "two of two, throttled, and cores idle"),
    (
        behind_nginx(max=2, quota=False, inside=20, metric="in_flight", value=10, out_above=5.0),
        Found,
        "a queue in each",
    ),
    (behind_nginx(max=4), Clear, "there may be more"),
    (behind_nginx(max=2, value=60), Clear, "they are enough"),
    (behind_nginx(max=2, idle=0.1), Clear, "no core is left for one more"),
    (behind_nginx(max=2, quota=False, inside=20, passed=19), Clear, "all of them wait for the store"),
    (behind_nginx(max=2, quota=False, inside=20, passed=4, downstream=0.97), Clear, "the store has no time left"),
    (behind_nginx(max=2, quota=False, inside=2), Clear, "no instance is at a limit"),
    (behind_nginx(max=2, value=NAN), Unknown, "what it saw is not known"),
    (
        Builder().service("app", Proc(cores=0.97)).load().generator().host().edge("a", "b", outstanding=1),
        Clear,
        "no scaler",
    ),
]


@pytest.mark.parametrize(("built", "expected", "why"), CEILING, ids=[each[2] for each in CEILING])
def test_a_scaler_at_its_maximum(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("scaler_ceiling", built)
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert found.faults[0].service == "app" and "maximum of 2" in found.faults[0].sentence


CALM = {"quota": False, "inside": 30.0, "passed": 6.0, "value": 12.0}
BLIND = [
    (behind_nginx(**CALM), Found, "users queue in each instance, its CPU is calm"),  # type: ignore[arg-type]
    (behind_nginx(value=4, metric="in_flight", out_above=20.0), Found, "CPU is used up, few are in flight"),
    (behind_nginx(**CALM | {"passed": 29.0}), Clear, "all of them wait for the store"),  # type: ignore[arg-type]
    (behind_nginx(**CALM | {"value": 90.0}), Clear, "it sees the load"),  # type: ignore[arg-type]
    (behind_nginx(**CALM, max=2), Clear, "there may be no more"),  # type: ignore[arg-type]
    (behind_nginx(**CALM, added_at=25.0), Clear, "it added one"),  # type: ignore[arg-type]
    (behind_nginx(**CALM, idle=0.1), Clear, "no core is left for one more"),  # type: ignore[arg-type]
    (behind_nginx(**CALM, downstream=0.97), Clear, "the store has no time left"),  # type: ignore[arg-type]
    (behind_nginx(**CALM | {"inside": 3.0, "passed": 0.0}), Clear, "nobody queues"),  # type: ignore[arg-type]
    (behind_nginx(**CALM | {"value": NAN}), Unknown, "what it saw is not known"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("built", "expected", "why"), BLIND, ids=[each[2] for each in BLIND])
def test_a_scaler_that_sees_no_load(built: Builder, expected: type[Verdict], why: str) -> None:
    found = verdict("scaler_wrong_metric", built)
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert found.faults[0].service == "app" and "wait while its scaler sees no load" in found.faults[0].sentence


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_the_maximum_says_more_than_the_quota_of_an_instance(noise: float) -> None:
    found = diagnose(behind_nginx(max=2, noise=noise).recording())
    assert found.bottleneck is not None
    assert [each.kind for each in (found.bottleneck, *found.others)] == ["scaler_ceiling"]
    assert found.bottleneck.remedy.step == "raise_maximum"
    assert found.bottleneck.grade == "supported"


def below_saturation(slow_s: float, *, changes: tuple[tuple[float, str], ...] = ()) -> Builder:
    """A step of the load, slow until an instance came; no limit reached."""
    built = behind_nginx(serving=1, quota=False, value=60)
    built.profile = {"model": "closed", "shape": "steps"}
    built.series.pop("scaler.serving"), built.series.pop("scaler.value"), built.series.pop("generator.users")
    late = (built.t >= STEADY[0]) & (built.t < STEADY[0] + slow_s)
    built.add("scaler.serving", Entity("scaler", "app"), (built.t >= STEADY[0] + slow_s) + 1.0)
    built.add("scaler.value", Entity("scaler", "app"), late * 50.0 + 45.0)
    built.add("generator.users", Entity("generator", "generator"), (built.t >= STEADY[0]) * 28.0 + 4.0)
    built.levels = [Level(4, 4.0, STEADY[0], "steps"), Level(32, *STEADY, phase="steady")]
    built.requests = [
        RequestInterval(t, t + 1, "GET /", "ok", count, count * ms, ms, ms, ms, ms)
        for t in range(4, int(STEADY[1]))
        for count, ms in [(30, 40.0) if t < STEADY[0] else (150, 200.0) if t < STEADY[0] + slow_s else (200, 50.0)]
    ]
    built.events += [Event(t, "scaled", "app", 1, data={"direction": each, "value": 90.0}) for t, each in changes]
    return built


def test_instances_that_came_late_are_told_though_no_limit_was_reached() -> None:
    found = diagnose(below_saturation(8.0, changes=((22.0, "out"),)).recording())
    assert found.bottleneck is not None
    assert (found.bottleneck.kind, found.bottleneck.service) == ("scale_out_lag", "app")
    assert "for 8 s requests took 200 ms instead of 50" in found.sentence
    assert found.bottleneck.grade == "supported"


def test_a_scaler_that_keeps_up_is_no_bottleneck() -> None:
    found = diagnose(below_saturation(2.0, changes=((22.0, "out"),)).recording())
    assert (found.outcome, found.others) == ("none", ()), found.sentence


def test_instances_that_come_and_go_are_told_though_no_limit_was_reached() -> None:
    built = below_saturation(2.0, changes=((21.5, "out"), (23.5, "in"), (26.0, "out"), (28.5, "in")))
    found = diagnose(built.recording())
    assert found.bottleneck is not None
    assert (found.bottleneck.kind, found.bottleneck.service) == ("scaler_thrash", "app")
    assert "2 times out, 2 times in" in found.sentence


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaler_that_wrote_nothing_down_cannot_be_judged(kind: str) -> None:
    built = behind_nginx(max=2)
    del built.series["scaler.serving"]
    assert isinstance(verdict(kind, built), Unknown)
