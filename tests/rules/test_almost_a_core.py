"""A loop that has no time left, and computes for most of it: a little less than a core."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, loop


def desk(cores: float, run_delay: float, stopped: float, *, idle: float = 0.34) -> Builder:
    """Recorded of Node, which syncs a line to a quick disk for each request."""
    free = max(0.0, 1.0 - cores - run_delay - stopped)
    thread = loop(cores, blocked={"file_io": stopped}, idle=free, run_delay=run_delay)
    built = Builder().service("desk", Proc(cores=cores, run_delay=run_delay, threads=[thread]))
    return built.load(1800, growth=0.98).generator(cores=0.65).host(idle=idle)


@pytest.mark.parametrize(
    ("built", "kind", "why"),
    [
        (desk(0.71, 0.09, 0.19), Found, "a fifth of its time it syncs"),
        (desk(0.71, 0.09, 0.05), Clear, "it has time left"),
        (desk(0.55, 0.09, 0.35), Clear, "event_loop_blocked"),
        (desk(0.71, 0.25, 0.03), Clear, "it is kept from a core"),
        (desk(0.71, 0.09, 0.19, idle=0.1), Clear, "the machine is full"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_little_less_than_a_core(built: Builder, kind: type[Verdict], why: str) -> None:
    assert isinstance(ask(units("rules")["single_core"], Signals(built.recording())), kind), why


def test_a_full_loop_is_named_and_the_rest_of_its_time_told() -> None:
    first = diagnose(desk(0.71, 0.09, 0.19).recording()).bottleneck
    assert first is not None and first.kind == "single_core"
    assert any(each.says == "it waited 9% of the time for one, and stood in calls 19%" for each in first.evidence)
