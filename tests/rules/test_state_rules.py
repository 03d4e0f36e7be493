"""Rules on state that is kept, or lost, between requests: each with its look-alikes."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind, RequestInterval
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def behind(*denied: float, requests: float = 100.0, noise: float = 0.0) -> Builder:
    """An instance for each of `denied`, requests a second that it denied, behind one balancer."""
    built = Builder(noise=noise)
    ports = tuple(9001 + each for each in range(len(denied)))
    built.service("app", *(Proc(cores=0.4, instance=each) for each in range(len(ports))), ports=ports)
    built.service("lb", Proc(cores=0.1), role="balancer", upstream="app")
    built.target = "lb"
    built.load(growth=1.02).generator().host()
    for port, rate in zip(ports, denied, strict=True):
        entity = Entity("upstream", "lb", 0, name=f"127.0.0.1:{port}")
        built.counter("nginx.requests", entity, requests)
        built.counter("nginx.denied", entity, rate)
    return built


def asked(built: Builder, ok: int, denied: int, error: str = "HTTP 401") -> Builder:
    """What became of GET /profile over the run."""
    if ok:
        built.requests.append(RequestInterval(20, 21, "GET /profile", "ok", ok, 1.0, 1, 1, 1, 1))
    if denied:
        built.errors.append(ErrorKind("GET /profile", error, denied, 5.0, 50.0))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(("instances", "ok", "denied"), [(2, 5000, 5100), (3, 3300, 6700), (2, 6500, 3500)])
def test_sessions_in_memory_behind_several_instances(instances: int, ok: int, denied: int, noise: float) -> None:
    found = verdict("lost_sessions", asked(behind(*[25.0] * instances, noise=noise), ok, denied))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.service == "app" and fault.signals == 3
    assert fault.sentence.startswith(f"{100 * denied / (ok + denied):.0f}% of the requests")


def test_it_comes_before_the_cores_that_the_failing_requests_fill() -> None:
    built = asked(behind(25, 25), 5000, 5000)
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.kind == "lost_sessions" and first.grade == "supported"


LOOK_ALIKES = [
    (behind(0, 0), 9000, 0, "HTTP 401", Clear, "nobody is denied"),
    (behind(25, 25), 5000, 5000, "HTTP 503", Clear, "overload is no denial"),
    (behind(25), 5000, 5000, "HTTP 401", Clear, "one instance knows all there is to know"),
    (behind(25, 25), 0, 9000, "HTTP 403", Unknown, "wrong credentials are always wrong"),
    (behind(50, 0.5), 5000, 5000, "HTTP 401", Clear, "one instance that is wrong"),
    (behind(25, 25), 9900, 100, "HTTP 401", Clear, "tokens that expire"),
    (behind(25, 25), 10, 10, "HTTP 401", Clear, "too few to tell"),
]


@pytest.mark.parametrize(
    ("built", "ok", "denied", "error", "expected", "why"), LOOK_ALIKES, ids=[each[5] for each in LOOK_ALIKES]
)
def test_denials_of_another_cause(
    built: Builder, ok: int, denied: int, error: str, expected: type[Verdict], why: str
) -> None:
    assert isinstance(verdict("lost_sessions", asked(built, ok, denied, error)), expected), why
