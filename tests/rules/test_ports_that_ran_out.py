"""Local ports that ran out, next to what only looks like it: at several noise levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc

NOISE = [(0.0, 1), (0.1, 2), (0.2, 3), (0.2, 4)]


def calls_out(
    taken: float = 200.0,
    span: float = 200.0,
    *,
    lingering: float = 0.95,
    failed: float = 40.0,
    target: bool = False,
    apart: float = 0.0,
    reached: float = 0.0,
    **more: Any,
) -> Builder:
    """app opens connections to back, from ports between 41,000 and 41,000 + span; apart: how far from these a check of
    health comes from. 0: as recorded before nine tenths of them were looked at. reached: share of the run in which
    their number grows to that."""
    built = Builder(**more).service("app", Proc(cores=0.3), uses=() if target else ("back",))
    built.service("back", Proc(cores=0.2))
    built.target = "back" if target else "app"
    built.load(100, failed=failed).generator().host()
    entity = Entity("destination", "back", 0, name="127.0.0.1:9000")
    for metric, value in (("taken", taken), ("lingering", taken * lingering), ("given", 28232.0)):
        rise = (built.t / (reached * built.t[-1])).clip(max=1.0) if reached else 1.0 + 0 * built.t
        built.add(f"ports.{metric}", entity, value * rise if metric != "given" else 0 * built.t + value)
    for metric, value in (("lowest", 41000.0), ("highest", 41000.0 + span - 1 + apart)):
        built.add(f"ports.{metric}", entity, 0 * built.t + value)
    if apart:
        built.add("ports.nine_tenths_within", entity, 0 * built.t + 0.9 * span)
    return built


PORTS: list[tuple[Callable[..., Builder], type[Verdict], str]] = [
    (calls_out, Found, "a range of its own"),
    (lambda **more: calls_out(27800, 28232, **more), Found, "the whole range"),
    (lambda **more: calls_out(apart=5000, **more), Found, "a range of its own, and one that lies apart"),
    (lambda **more: calls_out(600, 1300, **more), Clear, "every second port of some"),
    (lambda **more: calls_out(600, 1300, apart=5000, **more), Clear, "every second port of some, and one apart"),
    (lambda **more: calls_out(reached=0.5, **more), Found, "a range that was full in the middle of the run"),
    (lambda **more: calls_out(7395, 7139, reached=1.0, **more), Clear, "one after the other, as the kernel gives them"),
    (lambda **more: calls_out(27800, 28232, reached=1.0, **more), Found, "the whole range, at the end"),
    (lambda **more: calls_out(failed=0, **more), Clear, "nobody lacks one"),
    (lambda **more: calls_out(lingering=0.1, **more), Clear, "open connections"),
    (lambda **more: calls_out(20, 20, **more), Clear, "a small pool of connections"),
    (lambda **more: calls_out(target=True, **more), Clear, "the generator's own ports"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "expected", "why"), PORTS, ids=[each[2] for each in PORTS])
def test_ports_that_ran_out(
    build: Callable[..., Builder], expected: type[Verdict], why: str, noise: float, seed: int
) -> None:
    found = ask(units("rules")["ephemeral_ports"], Signals(build(noise=noise, seed=seed).recording()))
    assert isinstance(found, expected), (why, found)
    if isinstance(found, Found):
        assert found.faults[0].service == "app" and "to back" in found.faults[0].sentence


@pytest.mark.parametrize(("count", "outcome"), [(900, "generator"), (3, "bottleneck")])
@pytest.mark.parametrize(("lacks", "says"), [("NoLocalPort", "of local ports"), ("TooManyOpenFiles", "too few files")])
def test_a_generator_without_ports_or_files_is_no_fault_of_the_system(
    lacks: str, says: str, count: int, outcome: str
) -> None:
    built = Builder().service("app", Proc(cores=0.97)).load(failed=20).generator().host()
    built.errors.append(ErrorKind("GET /", lacks, count, 21.0, 40.0))
    found = diagnose(built.recording())
    assert found.outcome == outcome
    assert (says in found.sentence) == (outcome == "generator")
