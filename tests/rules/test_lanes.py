"""Several kinds of requests, each with a service to itself: Little's law of each says how many are served there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity, HistogramSource, Quantiles
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import STEADY, Builder, Proc, loop

EVENTS, RECEIPTS = "GET /events/{id}", "GET /receipts/{id}"

PER_S = {EVENTS: 80.0, RECEIPTS: 63.0}
WAITED_MS = {EVENTS: 197.0, RECEIPTS: 250.0}


class ByEndpoint(HistogramSource):
    """Counts as PER_S has them; in the measured window they take as long as WAITED_MS says, before it as alone does."""

    def __init__(self, alone: dict[str, float], first: str = "") -> None:
        self.alone, self.first = alone, first

    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None, result: str | None
    ) -> Quantiles | None:
        if what.endswith("lag"):
            return Quantiles(1000, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2)
        early = end <= STEADY[0]
        if early and endpoint == self.first:
            return None  # the first users are of the other kind
        count = sum(PER_S.values()) if endpoint is None else PER_S[endpoint]
        ms = (self.alone if early else WAITED_MS)[endpoint or EVENTS]
        return Quantiles(round(count * (end - start)), ms, ms, ms, ms, ms, ms)


def tickets(
    *,
    alone_ms: float = 18.5,
    seats_per_s: float = 80.0,
    first: str = "",
    kinds: tuple[str, ...] = (EVENTS, RECEIPTS),
    idle: float | None = None,
) -> Builder:
    """A front that asks `seats` for one kind and `receipts` for the other. As recorded of a cache in Go whose mutex is
    held while it asks a partner, and Puma with six threads."""
    built = Builder().service("front", Proc(cores=0.14)).service("seats", Proc(threads=[loop(0.02, idle=0.98)]))
    built.service("receipts", Proc(cores=0.08)).service("partner", Proc(cores=0.06), role="external")
    built.target = "front"
    built.load(143.0, growth=1.0, users=32).generator().host(idle=idle)
    built.requests = [
        replace(
            each, endpoint=kind, count=round(each.count * PER_S[kind] / 143.0), sum_ms=each.sum_ms * PER_S[kind] / 143
        )
        for each in built.requests
        for kind in kinds
    ]
    built.histograms = ByEndpoint({EVENTS: alone_ms, RECEIPTS: 96.0}, first)
    built.edge("generator", "front", outstanding=31.8).edge("front", "seats", outstanding=15.8)
    built.edge("front", "receipts", outstanding=15.8).edge("seats", "partner", outstanding=1.0, connections=1)
    for to, per_s in (("seats", seats_per_s), ("receipts", 63.0)):
        for way in ("segments_out", "segments_in"):
            built.counter(f"edges.{way}", Entity("edge", "front", 0, name=to), per_s)
    return built


def test_each_kind_of_requests_is_known_by_its_rate_and_by_how_many_are_under_way() -> None:
    found = Signals(tickets().recording()).lanes
    assert {name: each.endpoint for name, each in found.items()} == {"seats": EVENTS, "receipts": RECEIPTS}
    assert found["seats"].at_once == pytest.approx(80 * 0.0185, rel=0.05)
    assert found["receipts"].at_once == pytest.approx(63 * 0.096, rel=0.05)


UNKNOWN = [
    (tickets(seats_per_s=160.0), "it is asked twice for each"),
    (tickets(first=EVENTS), "nobody asked for it alone"),
    (tickets(kinds=(EVENTS,)), "there is one kind only"),
]


@pytest.mark.parametrize(("built", "why"), UNKNOWN, ids=[why for _, why in UNKNOWN])
def test_else_nothing_is_told(built: Builder, why: str) -> None:
    assert "seats" not in Signals(built.recording()).lanes, why


LOCK = [
    (tickets(), Found, "one at a time is let through to partner"),
    (tickets(alone_ms=8.0), Found, "by a limiter that spaces them"),
    (tickets(alone_ms=20.7), Found, "one at a time is let through to partner"),
    (tickets(alone_ms=25.0), Clear, "it may be two"),
    (tickets(alone_ms=60.0), Clear, "several at a time: a connection that carries them all (HTTP/2)"),
    (tickets(idle=0.1), Clear, "on a full machine they wait for a core"),
]


@pytest.mark.parametrize(("built", "expected", "why"), LOCK, ids=[why for *_, why in LOCK])
def test_a_lock_in_a_service_that_half_of_the_requests_go_to(built: Builder, expected: type[Verdict], why: str) -> None:
    """Where others wait while nobody is served for a third of the time, no lock is held over the call."""
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert found.faults[0].service == "seats" and why in found.faults[0].sentence
