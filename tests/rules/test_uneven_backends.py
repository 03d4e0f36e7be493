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


def weighed() -> Builder:
    """Recorded of a HAProxy of one's own with weights of 250, 10 and 10, before three Go programs of 0.4 cores each:
    where its statistics are is its own affair. Threads that the kernel stops stand in a futex."""
    built = Builder()
    stopped = Thread(0.2, 0.0, {"running": 0.3, "futex": 0.67, "idle_epoll": 0.02}, "idle_epoll")
    procs = [Proc(cores=0.02, busy=0.03, instance=i) for i in (1, 2)]
    built.service("stall", Proc(cores=0.4, threads=[stopped, stopped], instance=0), *procs)
    built.service("row", Proc(cores=0.03), role="balancer", upstream="stall")
    built.target = "row"
    built.load(400, growth=1.0).generator(in_flight=8).host().edge("generator", "row", outstanding=8)
    for i, rate in enumerate((370.0, 15.0, 15.0)):
        built.edge("row", f"stall/{i}", outstanding=7.0 if i == 0 else 0.3)
        entity = Entity("cgroup", "stall", i)
        built.gauge("cgroup.quota_cores", entity, 0.4)
        for name, value in (("periods", 10), ("throttled_periods", 10 if i == 0 else 0), ("throttled_s", 0.5)):
            built.counter(f"cgroup.{name}", entity, value)
        built.counter("cgroup.usage_s", entity, 0.4 if i == 0 else 0.02)
        for way in ("out", "in"):
            built.counter(f"edges.segments_{way}", Entity("edge", "row", 0, name=f"stall/{i}"), rate)
    return built


def test_the_others_have_the_quota_that_one_lacks() -> None:
    diagnosis = diagnose(weighed().recording())
    kinds = [each.kind for each in (diagnosis.bottleneck, *diagnosis.others) if each is not None]
    assert kinds == ["uneven_backends", "cpu_quota"] and "92% of the requests" in diagnosis.sentence
    assert diagnosis.bottleneck is not None
    assert not any("threads of its pool" in each.says for each in diagnosis.bottleneck.evidence)


def test_requests_are_in_the_instance_whose_connections_carry_them() -> None:
    crew = Signals(hashed((14, 193, 14)).recording()).workers.of("tills")
    inside = {each.entity.instance: each.inside for each in crew}
    assert inside[1] == pytest.approx(14, abs=0.1)
    assert inside[0] == pytest.approx(0.3, abs=0.1)
