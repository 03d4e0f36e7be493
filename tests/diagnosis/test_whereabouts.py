"""Where requests are while a limit has no name."""

from __future__ import annotations

from loadlab.diagnosis.judge import diagnose
from loadlab.diagnosis.whereabouts import whereabouts
from loadlab.signals import Signals
from tests.build import Builder, Proc


def chained(under_way: float, passed: float) -> Builder:
    built = Builder().service("app", Proc(cores=0.1, busy=0.2), uses=("back",)).service("back", Proc(cores=0.1))
    built.load(200.0, growth=1.0, users=16).generator(0.1).host()
    return built.edge("generator", "app", outstanding=under_way).edge("app", "back", outstanding=passed)


def said(built: Builder) -> str:
    return whereabouts(Signals(built.recording()))


def test_the_service_with_most_comes_first_and_only_what_it_kept_counts() -> None:
    asked = Signals(chained(16, 6).recording()).measurement.generator.in_flight
    assert said(chained(16, 6)) == (
        f"Look into app first: of {asked:.0f} requests under way 10 were in it and not passed on, and 6 in back."
    )
    assert said(chained(16, 12)).startswith("Look into back first: ")


def test_who_passed_everything_on_is_not_named() -> None:
    assert " in app" not in said(chained(16, 15.5)) and "Look into back first" in said(chained(16, 15.5))


def test_calls_side_by_side_are_no_requests_less_than_none() -> None:
    assert "-" not in said(chained(16, 40))
    assert "40 calls were in it at a time" in said(chained(16, 40)), "not 40 of 16 requests"


def test_nothing_is_said_where_connections_were_not_seen() -> None:
    built = Builder().service("app", Proc(cores=0.2, busy=0.25)).load(200.0, growth=1.0).host()
    assert said(built) == ""


def test_it_is_the_next_step_of_a_limit_without_a_name() -> None:
    diagnosis = diagnose(chained(16, 3).recording())
    assert diagnosis.outcome == "unknown"
    assert diagnosis.next_step.startswith("Look into app first: ") and "Then run longer" in diagnosis.next_step
