"""Whether the same was asked in two stretches of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.recording.model import Entity, RequestInterval
from loadlab.signals import Signals
from loadlab.signals.mix import alike
from loadlab.signals.windows import Window
from tests.build import Builder, Proc

EARLY, LATE = [Window(4.0, 5.0)], [Window(20.0, 21.0)]


@pytest.mark.parametrize(
    ("early", "late", "same"),
    [
        ({"POST /ship": 40}, {"POST /ship": 30, "GET /shelf": 62}, False),  # the first user is of one kind
        ({"POST /ship": 10, "GET /shelf": 25}, {"POST /ship": 30, "GET /shelf": 62}, True),
        ({"POST /ship": 40}, {"POST /ship": 300}, True),
        ({}, {"POST /ship": 300}, True),  # nothing to tell by
    ],
)
def test_by_what_share_asks_for_something_else(early: dict[str, int], late: dict[str, int], same: bool) -> None:
    built = Builder()
    for start, asked in ((4.0, early), (20.0, late)):
        for endpoint, count in asked.items():
            built.requests.append(RequestInterval(start, start + 1, endpoint, "ok", count, 10.0, 5, 9, 20, 30))
    assert alike(built.recording(), EARLY, LATE) is same


@pytest.mark.parametrize("first_asks", ["GET /", "POST /ship"])
def test_of_users_that_ask_for_something_else_nothing_is_learnt_of_the_others(first_asks: str) -> None:
    """As recorded of shop assistants who ask Redis and packers who do not: the first user was a packer, and what asked
    the store no more often than ever was taken for asking again and again until a lock is free."""
    built = Builder().service("app", Proc(cores=0.1), uses=("store",)).service("store", Proc(cores=0.8), role="cache")
    built.load(90.0).generator().host().edge("app", "store/0", outstanding=1.0)
    for metric in ("edges.segments_out", "edges.segments_in"):
        built.counter(metric, Entity("edge", "app", 0, name="store/0"), 90.0)
    (few,) = [each for each in built.levels if each.users == 1]
    built.requests = [
        replace(each, endpoint=first_asks if each.start < few.end else "GET /") for each in built.requests
    ]
    signals = Signals(built.recording())
    known = first_asks == "GET /"
    assert [each.alone is not None for each in signals.calls] == [known]
    assert (signals.workers.at_once is not None) == known
