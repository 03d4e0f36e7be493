"""Requests that pile up in a service behind the first one, whose event loop has time left."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals, pileups
from tests.build import STEADY, Builder, Proc


def verdict(built: Builder) -> Verdict:
    return ask(units("rules")["lock_contention"], Signals(built.recording()))


def freight(
    *,
    grown: float = 1.0,
    before: float = 4.0,
    out: float = 0.5,
    cores: float = 0.12,
    role: str = "app",
) -> Builder:
    """Recorded of a service that asks a haulier through aiolimiter, beside another endpoint with a limit of its own:
    37 calls/s at 16 users as at 8. grown: times as many calls as at 8; before: requests in it there; out: asked of the
    haulier at a time."""
    built = Builder().service("app", Proc(cores=0.15, busy=0.17), uses=("slots",))
    built.service("slots", Proc(cores=cores, busy=cores + 0.01), uses=("haulier",), role=role)
    built.service("haulier", Proc(cores=0.05, busy=0.06)).load(106, growth=1.02, users=16).generator(
        in_flight=16
    ).host()
    built.edge("generator", "app", outstanding=16).edge("app", "slots", outstanding=7.0, connections=9)
    inside = built.series["edges.outstanding"][-1]
    inside.v[inside.t < STEADY[0]] = before
    built.edge("slots", "haulier", outstanding=out, connections=4)
    for source, to in (("app", "slots"), ("slots", "haulier")):
        for way in ("out", "in"):
            built.counter(f"edges.segments_{way}", Entity("edge", source, 0, name=to), 37.0, before=37.0 / grown)
    return built


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (0.5, "one at a time is let on, by a lock held over a pause, or by a limiter that spaces them"),
        (1.0, "one at a time holds a lock"),
    ],
)
def test_requests_that_are_nowhere_else_wait_for_each_other(out: float, words: str) -> None:
    found = verdict(freight(out=out))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert (fault.service, fault.sentence) == ("slots", f"requests in slots wait for each other: {words}")
    assert any("with 16 users 37 calls/s came and 7 requests were in it" in each.says for each in fault.evidence)


@pytest.mark.parametrize(
    "built",
    [
        freight(grown=1.8),
        freight(before=7.0),
        freight(out=4.0),
        freight(out=2.0),
        freight(cores=0.8),
        freight(role="database"),
    ],
    ids=[
        "more users bring more calls",
        "as many were in it before: it takes that long",
        "every connection to whom it asks is taken",
        "several are worked on: they may have connections",
        "its loop is busy",
        "a server tells itself what is waited for",
    ],
)
def test_else_nothing_piles_up_or_it_is_seen_for_what(built: Builder) -> None:
    assert isinstance(verdict(built), Clear)


def test_without_a_lower_level_nothing_is_said() -> None:
    built = freight()
    built.levels = [each for each in built.levels if each.users > 8]
    assert pileups.compute(built.recording()) == ()
    assert np.isclose(pileups.compute(freight().recording())[0].per_s, 37.0, rtol=0.1).all()
