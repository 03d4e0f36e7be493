from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc
from tests.rules.test_rules import one_slow


def test_equal_backends_are_cleared() -> None:
    verdict = ask(units("rules")["slow_backend"], Signals(one_slow(0.2, upstream_ms=(10, 12, 11)).recording()))
    assert isinstance(verdict, Clear)


@pytest.mark.parametrize(
    ("upstream_ms", "share", "cores", "expected"),
    [
        ((10, 10, 16), (1, 1, 1 / 3), (0.2, 0.2, 0.2), Found),  # a third as fast, and weighted so
        ((10, 10, 16), (1, 1, 1 / 3), (0.2, 0.2, 0.07), Clear),  # hardly longer, and no dearer
        ((10, 10, 12), (1, 1, 1 / 3), (0.2, 0.2, 0.2), Clear),  # dearer, and nobody waits for it
        ((10, 10, 16), (1, 1, 1), (0.01, 0.01, 0.04), Clear),  # what each does without requests
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_slow_backend_that_is_spared(
    upstream_ms: tuple[float, ...],
    share: tuple[float, ...],
    cores: tuple[float, ...],
    expected: type[Verdict],
    noise: float,
) -> None:
    built = one_slow(noise, upstream_ms=upstream_ms, share=share, cores=cores)
    assert isinstance(ask(units("rules")["slow_backend"], Signals(built.recording())), expected)


def full(*cores: float) -> Builder:
    """Three on two cores, one of which holds more requests than the others."""
    built = Builder()
    procs = (Proc(cores=each, run_delay=0.4, instance=i) for i, each in enumerate(cores))
    built.service("app", *procs, ports=(9001, 9002, 9003))
    built.service("lb", Proc(cores=0.06), role="balancer", upstream="app")
    built.target = "lb"
    built.load().generator().host()
    for port, ms in ((9001, 62), (9002, 148), (9003, 60)):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, 66)
        built.counter("nginx.response_time_s", entity, 66 * ms / 1000, before=0.1)
    return built


def test_queues_of_full_backends_are_no_slow_backend() -> None:
    """All three share two cores: one that happens to hold more requests answers later, and is not to blame."""
    first = diagnose(full(0.58, 0.58, 0.58).recording()).bottleneck
    assert first is not None
    assert first.kind == "all_cores"


def test_in_a_queue_a_slow_one_is_told_by_what_its_requests_cost() -> None:
    first = diagnose(full(0.4, 0.9, 0.4).recording()).bottleneck
    assert first is not None
    assert (first.kind, first.instance) == ("slow_backend", 1)
