"""Few answers and none: what can still be said, and what to do."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import ErrorKind
from tests.build import Builder, Proc, Thread


@pytest.mark.parametrize(
    ("rps", "failed", "profile", "outcome", "step"),
    [
        (4.0, 0.0, {}, "bottleneck", "Run one worker per core"),
        (4.0, 0.0, {"limits": {"error_rate": 0.1, "p95_ms": None}}, "bottleneck", "Run one worker per core"),
        (4.0, 0.0, {"limits": {"p95_ms": 900.0}}, "unknown", "Run longer: 100 answers take about --duration 170 at"),
        (4.0, 0.0, {"endpoint_limits": {"GET /x": {"p99_ms": 9.0}}}, "unknown", "Run longer: 100 answers"),
        (1.0, 0.0, {}, "unknown", "Run longer: 30 answers take about --duration 200 at this rate."),
        (1.0, 0.0, {"shape": "own"}, "unknown", "Run longer."),
        (2.0, 1.0, {}, "unknown", "Look at the errors first: 33% of the requests failed. Then run longer: 30"),
    ],
)
def test_slow_answers_name_a_limit_from_fewer_than_percentiles_need(
    rps: float, failed: float, profile: dict[str, object], outcome: str, step: str
) -> None:
    built = Builder().service("app", Proc(cores=0.98, threads=[Thread(0.98)])).load(rps, failed=failed)
    built.generator().host().profile = {"model": "closed", "shape": "ramp", "duration_s": 60.0, **profile}
    diagnosis = diagnose(built.recording())
    assert diagnosis.outcome == outcome, diagnosis.sentence
    assert step in diagnosis.next_step


@pytest.mark.parametrize(
    ("raised", "end"),
    [
        ("", "window."),
        (
            "Traceback\n  File users.py\nKeyError: 'token'\n",
            "window: the users of the locustfile raised KeyError: 'token'.",
        ),
    ],
)
def test_where_nothing_was_answered_no_limit_was_reached_either(raised: str, end: str) -> None:
    built = Builder().service("app", Proc(cores=0.0, busy=0.0)).load(0.0).generator().host()
    if raised:
        built.errors.append(ErrorKind("(locustfile)", "A raised KeyError", 50, 1.0, 30.0, raised))
    diagnosis = diagnose(built.recording())
    assert diagnosis.outcome == "unknown"
    assert diagnosis.sentence == f"Cannot tell: no request ended within the measured {end}"
    assert diagnosis.next_step.startswith("Ask once by hand")


def test_one_level_alone_does_not_say_that_a_limit_was_reached() -> None:
    built = Builder().service("app", Proc(cores=0.2, busy=0.25)).load(40.0, users=1).generator().host()
    assert diagnose(built.recording()).sentence.startswith("Cannot tell: only one level of users was run")
