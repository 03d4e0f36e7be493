"""Requests under way, as far as anybody knows of them."""

from __future__ import annotations

import pytest

from loadlab.signals.flying import in_flight
from loadlab.signals.windows import measured
from tests.build import Builder, Proc


@pytest.mark.parametrize(
    ("told", "due", "expected"),
    [(7.0, 2.0, 7.0), (0.0, 2.0, 4.0), (0.0, 6.0, 6.0)],
    ids=["the generator counts them", "by Little's law", "answers that take longer than was watched"],
)
def test_requests_under_way(told: float, due: float, expected: float) -> None:
    """Of Locust's HttpUser the generator hears at the end of a request; four users wait for their answers."""
    built = Builder().service("app", Proc()).load(200, users=4).generator(in_flight=told)
    recording = built.edge("generator", "app", outstanding=due).recording()
    assert in_flight(recording, measured(recording)) == pytest.approx(expected, rel=0.05)
