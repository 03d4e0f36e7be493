"""What works for itself, whatever is asked: no request's demand, and no limit of the system's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Clear, Found
from loadlab.signals import Signals
from tests.build import Builder, Proc

FULL = {"cores": 0.98, "busy": 1.0}


def batch(*, follows: bool = False, asks: str = "", noise: float = 0.0, seed: int = 1) -> Builder:
    """A core in use from the start to the end beside an app with an idle one, at one user as at sixteen. As recorded of
    a search index that a worker at nice 19 builds again and again: 0.99 cores at 9 requests/s as at 63."""
    built = Builder(noise=noise, seed=seed, cores=4).service("app", Proc(cores=0.3)).load(300.0, growth=1.02)
    built.generator(0.1).edge("generator", "app", outstanding=16)
    built.service("index", Proc(**FULL), role="worker").host()
    mine = built.series["process.cpu_user_s"]
    if not follows:
        mine[-1] = replace(mine[-1], v=0.96 * built.t)
    if asks:
        built.edge("index", asks, outstanding=0.0, connections=1)
    return built


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.1, 1), (0.1, 2), (0.3, 3)])
def test_what_uses_as_much_whatever_is_asked_works_for_itself(noise: float, seed: int) -> None:
    assert Signals(batch(noise=noise, seed=seed).recording()).background == {"index"}


@pytest.mark.parametrize(
    "built",
    [batch(follows=True), batch(asks="broker"), batch(asks="10.0.0.3:5672")],
    ids=["it uses more where more is asked", "it takes messages from a broker", "it asks somebody outside"],
)
def test_what_may_work_for_requests_does_not(built: Builder) -> None:
    assert Signals(built.recording()).background == frozenset()


def test_without_another_rate_or_connections_nobody_knows() -> None:
    one_rate = batch()
    one_rate.levels = [each for each in one_rate.levels if each.phase == "steady"]
    unseen = batch()
    del unseen.series["edges.connections"]
    for built in (one_rate, unseen):
        assert Signals(built.recording()).background == frozenset()


def test_its_core_is_not_what_limits_next_nor_a_core_that_others_have() -> None:
    found = {(each.service, each.resource): each for each in Signals(batch().recording()).headroom.places}
    assert ("index", "core") not in found
    assert found[("", "cores")].used == pytest.approx(0.4, abs=0.02)
    assert found[("", "cores")].servers == pytest.approx(4 - 0.98, abs=0.02)


@pytest.mark.parametrize(("follows", "expected"), [(False, Clear), (True, Found)])
def test_its_full_core_limits_no_request(follows: bool, expected: type) -> None:
    assert isinstance(ask(units("rules")["single_core"], Signals(batch(follows=follows).recording())), expected)
