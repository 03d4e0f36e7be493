"""Requests that cost the more CPU the more were answered: more cores only put it off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.diagnosis.model import Diagnosis
from loadlab.signals import Signals
from tests.build import STEADY, Builder, Proc, system

THIRD = (STEADY[1] - STEADY[0]) / 3


def over_time(built: Builder, early: int, later: Sequence[int]) -> Builder:
    """So many requests a second before the window, and in each third of it; the CPU stays what it is."""

    def rate(start: float) -> int:
        return early if start < STEADY[0] else later[min(2, int((start - STEADY[0]) / THIRD))]

    built.requests = [
        replace(each, count=max(1, round(rate(each.start) * (each.end - each.start)))) for each in built.requests
    ]
    return built


def judged(early: int, later: Sequence[int], *processes: Proc, noise: float = 0.0) -> Diagnosis:
    mine = processes or (Proc(cores=0.96, busy=0.99),)
    built = system(*mine, noise=noise).stack("app", "gil", ("follow", "/srv/app/feed.py", 20, 55))
    return diagnose(over_time(built, early, later).recording())


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_listeners_that_nobody_removes(noise: float) -> None:
    """As recorded of a Node process that answered 2,957 requests/s at first and 730 at the end, at one level."""
    diagnosis = judged(1900, (820, 700, 690), noise=noise)
    first = diagnosis.bottleneck
    assert first is not None and (first.kind, first.remedy.step) == ("single_core", "bounded_work")
    assert "each request costs more than those before it" in first.sentence
    assert "in or around follow()" in first.remedy.text and "cluster" not in first.remedy.text
    assert first.remedy.expected_gain is None and diagnosis.next is None, "more workers would bring less and less"
    assert diagnosis.capacity is not None and diagnosis.capacity.requests_per_s == diagnosis.capacity.steady_rps


def test_of_several_workers_too() -> None:
    two = [Proc(cores=0.9, run_delay=0.1, instance=each) for each in range(2)]
    first = judged(1900, (820, 700, 690), *two).bottleneck
    assert first is not None and (first.kind, first.remedy.step) == ("all_cores", "bounded_work")


@pytest.mark.parametrize(
    ("early", "later"),
    [
        (1000, (800, 800, 800)),  # a request costs the same
        (550, (830, 700, 690)),  # a neighbour of these seconds
        (1900, (820, 820, 820)),  # dearer than at first, as on a full machine, and no dearer since
        (1900, (700, 690, 820)),  # it goes up and down
        (10, (8, 7, 6)),  # too few to tell
    ],
    ids=["same", "neighbour", "once", "wavers", "few"],
)
def test_what_is_dear_but_does_not_grow(early: int, later: Sequence[int]) -> None:
    first = judged(early, later).bottleneck
    assert first is not None and (first.kind, first.remedy.step) == ("single_core", "cluster")
    assert "before it" not in first.sentence


def test_other_endpoints_may_cost_more() -> None:
    built = over_time(system(Proc(cores=0.96, busy=0.99)), 1900, (820, 700, 690))
    built.requests = [
        replace(each, endpoint="GET /other") if each.start < STEADY[0] else each for each in built.requests
    ]
    assert Signals(built.recording()).growing == {}
