"""Work that no request waits for: it grows in memory, and goes on when the load has ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Recording
from loadlab.rules import Clear, Found, Unknown
from loadlab.signals import Missing, Signals
from tests.build import END, Builder, Proc, system

DRAIN = 53.0
GROWS = (60e6, 160e6)


def deferring(*, outstanding: float = 10.0, calls: float = 150.0, rss: tuple[float, float] = GROWS) -> Builder:
    """A service that asks another after it has answered."""
    built = system(Proc(cores=0.6, busy=0.7, rss=rss), growth=1.8).service("mail", Proc(cores=0.05))
    built.edge("generator", "app", outstanding=4).edge("app", "mail", outstanding=outstanding, connections=10)
    edge = next(each.entity for each in built.series["edges.outstanding"] if each.entity.service == "app")
    for way in ("in", "out"):
        built.counter(f"edges.segments_{way}", edge, calls, before=0.0)
    built.series["edges.outstanding"] = [
        replace(each, v=np.where(each.t < 4.0, 0.0, each.v)) for each in built.series["edges.outstanding"]
    ]
    return built


def drained(built: Builder, *, calls: float = 0.0, cores: float = 0.0, in_flight: float = 0.0) -> Recording:
    """The recording with an end without load, in which these shares of what was done are gone on with."""

    def slowed(metric: str, service: str, share: float) -> None:
        built.series[metric] = [
            replace(each, v=_after(each.t, each.v, share)) if each.entity.service == service else each
            for each in built.series[metric]
        ]

    for way in ("in", "out"):
        slowed(f"edges.segments_{way}", "app", calls)
    for part in ("user", "system"):
        slowed(f"process.cpu_{part}_s", "app", cores)
    ends = built.t >= DRAIN
    for metric, level in (("generator.in_flight", in_flight), ("edges.outstanding", calls)):
        built.series[metric] = [
            replace(each, v=np.where(ends, each.v * level, each.v)) for each in built.series[metric]
        ]
    built.drain_s = END - DRAIN
    return built.recording()


def _after(t: np.ndarray, v: np.ndarray, share: float) -> np.ndarray:
    """A counter that grows at a share of its rate from the end of the load on."""
    at = float(np.interp(DRAIN, t, v))
    return np.where(t >= DRAIN, at + (v - at) * share, v)


def test_calls_that_go_on_without_requests_pile_up() -> None:
    found = diagnose(drained(deferring(), calls=1.0))
    first = found.bottleneck
    assert first is not None and (first.kind, first.service) == ("queue_backlog", "app")
    assert "its calls to mail go on when the load has ended" in first.sentence
    assert "150 calls/s to mail" in first.evidence[0].says
    assert not [each for each in found.others if each.kind == "memory_leak"]


def test_computing_that_goes_on_piles_up_as_well() -> None:
    built = deferring(calls=0.0, outstanding=0.0)
    for part in ("user", "system"):
        name = f"process.cpu_{part}_s"
        built.series[name] = [replace(each, v=np.maximum(each.v, each.v[8])) for each in built.series[name]]
    built.stack("app", "gil", ("pack", "/srv/app/parcels.py", 31, 180), ("view", "/srv/app/app.py", 9, 20))
    built.stack("app", "all", ("wait", "/srv/app/app.py", 12, 200))
    first = diagnose(drained(built, cores=0.9)).bottleneck
    assert first is not None and (first.kind, first.service) == ("queue_backlog", "app")
    assert "it computes on" in first.sentence
    assert first.where is not None and (first.where.function, first.where.line) == ("pack", 31)


def test_what_rests_when_the_load_has_ended_is_a_leak() -> None:
    first = diagnose(drained(deferring())).bottleneck
    assert first is not None and first.kind == "memory_leak"


def test_who_keeps_up_piles_nothing_up() -> None:
    """A poller, a consumer of a queue: it works on without load, and remembers no more than before."""
    recording = drained(deferring(rss=(60e6, 61e6)), calls=1.0)
    assert isinstance(ask(units("rules")["queue_backlog"], Signals(recording)), Clear | Unknown)


def test_what_was_done_before_there_was_any_load_is_no_work_of_requests() -> None:
    built = deferring()
    for way in ("in", "out"):
        name = f"edges.segments_{way}"
        built.series[name] = [replace(each, v=150.0 * each.t) for each in built.series[name]]
    built.series["edges.outstanding"] = [
        replace(each, v=np.full_like(each.v, 10.0)) for each in built.series["edges.outstanding"]
    ]
    recording = drained(built, calls=1.0)
    assert Signals(recording).draining.of("app") is None


@pytest.mark.parametrize("in_flight", [0.5, 1.0])
def test_while_requests_are_under_way_nothing_is_known(in_flight: float) -> None:
    with pytest.raises(Missing, match="still under way"):
        _ = Signals(drained(deferring(), calls=1.0, in_flight=in_flight)).draining


def test_recordings_without_such_an_end_say_nothing() -> None:
    with pytest.raises(Missing, match="not watched"):
        _ = Signals(deferring().recording()).draining
    first = diagnose(deferring().recording()).bottleneck
    assert first is not None and first.kind == "memory_leak"


def test_calls_that_stand_for_long_count_by_how_many_there_are() -> None:
    """One call takes longer than the end is watched."""
    found = Signals(drained(deferring(calls=0.2), calls=1.0)).draining.of("app")
    assert found is not None and (found.to, found.unit, found.after) == ("mail", "calls", 10.0)
    assert isinstance(ask(units("rules")["queue_backlog"], Signals(drained(deferring(calls=0.2), calls=1.0))), Found)
