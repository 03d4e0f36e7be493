"""What is said of how the load went, from recordings made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loadlab.gate.limits import judge
from loadlab.recording.model import (
    Entity,
    Event,
    HistogramSource,
    Level,
    Meta,
    Phase,
    Quantiles,
    Recording,
    RequestInterval,
    Series,
)
from loadlab.signals import course, saturation
from loadlab.signals.windows import constant_load, highest, measured

GENERATOR = Entity("generator", service="generator")


class Flat(HistogramSource):
    """Latency by time: the p95 of a window is that of its middle."""

    def __init__(self, at: dict[tuple[float, float], float]) -> None:
        self._at = at

    def quantiles(
        self, start: float, end: float, *, what: str, endpoint: str | None, result: str | None
    ) -> Quantiles | None:
        middle = (start + end) / 2
        ms = next((ms for (first, last), ms in self._at.items() if first <= middle < last), None)
        return None if ms is None else Quantiles(100, ms, ms / 2, ms, ms, 2 * ms, 3 * ms)


def record(profile: dict[str, Any], *, end: float = 30.0, rps: float = 100.0, **more: Any) -> Recording:
    """A run of so many requests a second; counters of the generator as (per second of the run) where given."""
    counters: dict[str, float] = more.pop("counters", {})
    t = np.arange(0.0, end + 0.5)
    series = {f"generator.{name}": (Series(GENERATOR, name, t, per_s * t),) for name, per_s in counters.items()}
    seconds = [
        RequestInterval(float(at), at + 1.0, "GET /", "ok", round(rps), rps * 10, 10, 10, 10, 10)
        for at in range(int(end))
    ]
    more.setdefault("phases", (Phase("steady", 0.0, end),))
    meta = Meta(1, "x", "now", "0", "app", (), profile, {})
    return Recording(meta, requests=tuple(seconds), series=series, **more)


def says(recording: Recording) -> str:
    return "; ".join(course.compute(recording).says)


KNEE = {"users": 16, "flat": True, "at": 8.3, "low": 6.6, "high": 9.8, "confidence": 0.93, "best_rps": 402.0}
BROKE = {
    "model": "closed", "level": 40.0, "held": 32.0, "held_rps": 310.2, "limit": "p95_ms", "endpoint": "",
    "value": 134.1, "allowed": 120.0, "given": True,
}  # fmt: skip
SENT = {"sent": 150, "skipped": 15, "unread": 0, "left": 2, "seconds": 14.9, "speed": 2.0}


@pytest.mark.parametrize(
    ("shape", "event", "expected"),
    [
        ("ramp", Event(1, "knee", data=KNEE), "the knee lies at 8 users (7 to 10), 93% sure; measured with 16 users"),
        (
            "search",
            Event(1, "knee", data=KNEE | {"at": 1.1, "low": 1.0, "high": 1.2}),
            "the knee lies at 1 user, 93% sure; measured with 16 users",
        ),
        ("ramp", Event(1, "knee", data=KNEE | {"flat": False}), "throughput still rose when the search ended, at 402"),
        (
            "breakpoint",
            Event(1, "broke", data=BROKE),
            "broke at 40 users: p95 134.1 ms, over the limit of 120 ms; all held at 32 users, with 310 requests/s",
        ),
        (
            "breakpoint",
            Event(1, "broke", data=BROKE | {"limit": "error_rate", "value": 0.12, "allowed": 0.05, "held": None}),
            "broke at 40 users: 12% of the requests failed, over 5%",
        ),
        (
            "breakpoint",
            Event(1, "broke", data=BROKE | {"limit": "generator", "model": "open", "value": 80, "allowed": 100}),
            "broke at 40 arrivals/s: the load generator could send only 80 of 100/s: nothing is known of the system",
        ),
        ("breakpoint", Event(1, "broke", data=BROKE | {"limit": None}), "nothing broke up to 40 users"),
        (
            "replay",
            Event(1, "replay", data=SENT),
            "150 requests of the log at 2 times its speed, over 15 s; 2 came later than the run lasts, 15 have methods",
        ),
        ("ramp", Event(1, "knee", data=KNEE | {"best_rps": 0.0, "confidence": 0.0}), ""),
        ("constant", Event(1, "note", data={"text": "x"}), ""),
    ],
)
def test_what_is_said(shape: str, event: Event, expected: str) -> None:
    found = says(record({"shape": shape, "model": "closed"}, events=(event,)))
    assert found.startswith(expected)
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({(20.0, 30.0): 21.0}, "p95 20 ms before the spike, 400 ms in it, 21 ms after it; back at once"),
        (
            {(20.0, 23.0): 300.0, (23.0, 30.0): 21.0},
            "p95 20 ms before the spike, 400 ms in it, 21 ms after it; back 3 s after",
        ),
        ({(20.0, 30.0): 300.0}, "p95 20 ms before the spike, 400 ms in it, 300 ms after it; not back within the 10 s"),
    ],
)
def test_a_spike_is_compared_with_what_was_before(after: dict[tuple[float, float], float], expected: str) -> None:
    phases = (Phase("before", 0, 10), Phase("steady", 10, 20), Phase("after", 20, 30))
    histograms = Flat({(0.0, 10.0): 20.0, (10.0, 20.0): 400.0, **after})
    found = says(record({"shape": "spike", "model": "closed"}, phases=phases, histograms=histograms))
    assert found.startswith(expected)


def test_a_soak_compares_its_ends() -> None:
    histograms = Flat({(0.0, 15.0): 20.0, (15.0, 40.0): 35.0})
    found = says(record({"shape": "soak", "model": "closed"}, histograms=histograms))
    assert found.endswith("p95 20 ms became 35 ms")


OPEN = {"shape": "constant", "model": "open", "rate": 200.0}


@pytest.mark.parametrize(
    ("counters", "rps", "reached"),
    [
        ({"due": 200.0, "sent": 200.0, "not_sent": 0.0}, 200.0, False),
        ({"due": 200.0, "sent": 200.0, "not_sent": 0.0}, 150.0, True),
        ({"due": 200.0, "sent": 150.0, "not_sent": 60.0}, 150.0, True),
        # Three requests a task: what was sent is answered.
        ({"due": 50.0, "sent": 150.0, "not_sent": 0.0}, 150.0, False),
        ({}, 198.0, False),
        ({}, 150.0, True),
    ],
)
def test_an_open_model_reaches_a_limit_where_answers_are_missing(
    counters: dict[str, float], rps: float, reached: bool
) -> None:
    levels = (Level(0, 0.0, 30.0, "steady", 200.0),) if counters else ()
    found = saturation.compute(record(OPEN, rps=rps, counters=counters, levels=levels))
    assert found.reached is reached


def test_what_a_cap_held_back_is_said() -> None:
    found = course.compute(record(OPEN, counters={"due": 200.0, "sent": 150.0, "not_sent": 60.0}))
    assert found.says == ("max_in_flight held back 1740 of 5800 requests; their wait is in their latency",)
    assert found.facts["asked_per_s"] == 200.0


def test_a_breakpoint_is_held_against_its_limits_where_all_held() -> None:
    """The broken level would fail both: more throughput than was wanted, and slower."""
    profile = {"shape": "breakpoint", "model": "closed", "limits": {"p95_ms": 120.0, "throughput_rps": {"min": 90.0}}}
    levels = (Level(32, 0.0, 10.0, "breakpoint"), Level(40, 10.0, 20.0, "breakpoint"), Level(40, 20.0, 30.0, "steady"))
    phases = (Phase("breakpoint", 0, 20), Phase("steady", 20, 30))
    histograms = Flat({(0.0, 10.0): 80.0, (10.0, 30.0): 134.0})
    events = (Event(20, "broke", data=BROKE),)
    results = judge(record(profile, levels=levels, phases=phases, histograms=histograms, events=events))
    assert [(each.metric, each.measured, each.passed) for each in results] == [
        ("p95_ms", 80.0, True), ("throughput_rps", 100.0, True),
    ]  # fmt: skip
    nothing = (Event(20, "broke", data=BROKE | {"held": None}),)
    failed = judge(record(profile, levels=levels, phases=phases, histograms=histograms, events=nothing))
    assert [each.passed for each in failed] == [False, True]


def test_of_an_own_shape_the_highest_stretch_is_judged() -> None:
    steady = [(10, 0.0, 5.0), (90, 6.0, 8.0), (100, 8.0, 15.0), (20, 15.0, 25.0), (100, 26.0, 29.0)]
    levels = tuple(Level(users, start, end, "steady") for users, start, end in steady)
    window = measured(record({"shape": "own", "model": "closed"}, levels=levels))
    assert (window.start, window.end) == (7.0, 15.0)
    assert highest(levels[:1]) is not None
    assert highest(()) is None


def test_the_longest_undisturbed_stretch_does_not_reach_over_a_recovery() -> None:
    spike = (Phase("steady", 10, 20), Phase("after", 20, 30), Phase("stacks", 30, 36))
    assert constant_load(record({}, phases=spike)).end == 20
    usual = (Phase("steady", 10, 20), Phase("stacks", 20, 26))
    assert constant_load(record({}, phases=usual)).end == 26
