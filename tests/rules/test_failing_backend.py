"""One of several instances fails, and draws the requests of those that answer."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind, Event
from loadlab.rules import Clear
from loadlab.signals import Signals
from tests.build import Builder, Proc


def three(requests: tuple[float, ...], failures: tuple[float, ...], failed: float, noise: float = 0.0) -> Builder:
    """Recorded of three servers behind nginx with least_conn, one of which has no key and says so at once (500)."""
    built = Builder(noise=noise)
    built.service("app", *(Proc(cores=0.2, instance=i) for i in range(3)), ports=(9001, 9002, 9003))
    built.service("lb", Proc(cores=0.3), role="balancer", upstream="app")
    built.target = "lb"
    built.load(100, failed=failed).generator().host()
    for i, port in enumerate((9001, 9002, 9003)):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, requests[i])
        built.counter("nginx.failures", entity, failures[i])
        built.counter("nginx.response_time_s", entity, requests[i] * 0.03)
    built.errors.append(ErrorKind("GET /", "HTTP 500", int(failed * 12) + 1, 20.0, 32.0, ""))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize(
    ("requests", "failed", "preferred"),
    [((30, 30, 480), 480, True), ((30, 30, 30), 30, False)],
    ids=["most fail", "a third fails"],
)
def test_the_one_that_fails_is_named(requests: tuple[float, ...], failed: float, preferred: bool, noise: float) -> None:
    """Even where so many fail that the rest of the run is of no use."""
    diagnosis = diagnose(three(requests, (0, 0, requests[2]), failed, noise).recording())
    first = diagnosis.bottleneck
    assert first is not None and (first.kind, first.service, first.instance) == ("failing_backend", "app", 2)
    assert diagnosis.sentence.startswith("Instance 2 of app fails 100% of what lb sends it, its equals none")
    assert ("more than its share" in diagnosis.sentence) == preferred
    assert first.evidence[-1].says == "what users got most: HTTP 500 for GET /"


@pytest.mark.parametrize(
    ("failures", "why"),
    [
        ((0, 0, 10), "a third of its answers: not most"),
        ((25, 25, 28), "all fail"),
        ((4, 4, 16), "the others fail, too"),
        ((0, 0, 0), "nobody fails"),
    ],
)
def test_no_backend_is_blamed(failures: tuple[float, ...], why: str) -> None:
    built = three((30, 30, 30), failures, sum(failures))
    assert isinstance(ask(units("rules")["failing_backend"], Signals(built.recording())), Clear), why


def test_one_whose_process_ended_is_another_rules() -> None:
    built = three((30, 30, 30), (0, 0, 30), 30)
    ended = {"code": 1, "signal": None, "expected": False, "last_lines": []}
    built.events.append(Event(25.0, "exited", "app", 2, 120, ended))
    assert isinstance(ask(units("rules")["failing_backend"], Signals(built.recording())), Clear)
