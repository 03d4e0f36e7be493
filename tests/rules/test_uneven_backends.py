"""Instances that are not asked alike, where no log says so: by what went over the connections."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Clear
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread, loop


def hashed(rates: tuple[float, ...], noise: float = 0.0, role: str = "app", waiting: float = 14.0) -> Builder:
    """Recorded of an nginx of one's own before three servers with four threads each: most ask for the same shop."""
    built = Builder(noise=noise)
    most = max(rates)
    procs = []
    for i, rate in enumerate(rates):
        sleeps = 0.97 * rate / most
        threads = [Thread(0.01, 0.0, {"sleep": sleeps, "futex": 0.99 - sleeps}, "futex", 200) for _ in range(4)]
        procs.append(Proc(cores=0.08 * rate / most, threads=[loop(0.02, idle=0.98), *threads], instance=i))
    built.service("edge", Proc(cores=0.05, busy=0.05), role="balancer")
    built.service("tills", *procs, role=role)
    built.target = "edge"
    built.load(sum(rates)).generator(in_flight=waiting + 1).host().edge("generator", "edge", outstanding=waiting + 1)
    for i, rate in enumerate(rates):
        built.edge("edge", f"tills/{i}", outstanding=waiting if rate == most else 0.3)
        for way in ("out", "in"):
            built.counter(f"edges.segments_{way}", Entity("edge", "edge", 0, name=f"tills/{i}"), rate)
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_one_of_three_gets_most_and_has_no_thread_left(noise: float) -> None:
    diagnosis = diagnose(hashed((14, 193, 14), noise).recording())
    assert [(each.kind, each.instance) for each in (diagnosis.bottleneck, *diagnosis.others) if each is not None] == [
        ("uneven_backends", 1),
        ("thread_pool_exhausted", 1),
    ]
    assert diagnosis.bottleneck is not None
    assert "Instance 1 of tills gets 87% of the requests" in diagnosis.sentence
    assert diagnosis.bottleneck.evidence[-1].says == "all 4 threads of its pool were taken, by 14 requests"
    assert diagnosis.others[0].sentence.startswith("all 4 threads of a pool in instance 1 of tills are taken")


@pytest.mark.parametrize(
    ("built", "why"),
    [
        (hashed((70, 75, 76)), "asked alike"),
        (hashed((14, 193, 14), waiting=3), "a thread is left"),
        (hashed((14, 193, 14), role="database"), "a primary and its replicas are not alike"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_nobody_is_asked_too_much(built: Builder, why: str) -> None:
    assert isinstance(ask(units("rules")["uneven_backends"], Signals(built.recording())), Clear), why


def test_requests_are_in_the_instance_whose_connections_carry_them() -> None:
    crew = Signals(hashed((14, 193, 14)).recording()).workers.of("tills")
    inside = {each.entity.instance: each.inside for each in crew}
    assert inside[1] == pytest.approx(14, abs=0.1)
    assert inside[0] == pytest.approx(0.3, abs=0.1)
