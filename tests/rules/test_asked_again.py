"""A service behind refuses, and its caller asks again: rate_limited where users see no refusal."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc

EARLY = 54
"""Requests per second at the first level, with a user alone."""


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def shop(asked: float = 2.4, *, at_it: float = 0.3, role: str = "app", stock: Proc | None = None) -> Builder:
    """asked: questions for each request with eight users; with one it is one. at_it: requests that are at the other
    service."""
    built = Builder().service("app", Proc(cores=0.12, busy=0.1), uses=("stock",))
    built.service("stock", stock or Proc(cores=0.05, busy=0.08), role=role)
    built.load(180, growth=1.02, users=8).generator(in_flight=8).host()
    built.edge("generator", "app", outstanding=8).edge("app", "stock", outstanding=at_it, connections=8)
    for way in ("out", "in"):
        built.counter(f"edges.segments_{way}", Entity("edge", "app", 0, name="stock"), asked * 180, before=EARLY)
    return built


def test_a_service_that_refuses_what_its_caller_asks_again() -> None:
    """Recorded of a token bucket behind tenacity: users saw 2 refusals of 1000. It was told as a lock that is kept in
    that service."""
    built = shop()
    found = verdict("rate_limited", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.service == "stock"
    assert fault.sentence.startswith("stock lets 180 requests/s of app through")
    assert isinstance(verdict("lock_contention", built), Clear)
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.grade) == ("rate_limited", "supported")


@pytest.mark.parametrize(
    "built",
    [
        shop(1.5),
        shop(role="database"),
        shop(at_it=6.7),
        shop(stock=Proc(cores=0.95, busy=0.98)),
        shop().load(180, growth=1.9, users=8),
    ],
    ids=["a few are repeated", "a store", "they wait for its answers", "it has no time left", "more users bring more"],
)
def test_no_service_that_refuses(built: Builder) -> None:
    assert isinstance(verdict("rate_limited", built), Clear)
