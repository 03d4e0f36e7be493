"""Messages in pieces that wait for a delayed acknowledgement, next to what else costs as many milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Found, Unknown, Verdict
from loadlab.signals import Signals
from tests.build import STEADY, Builder, Proc

NOISE = [(0.0, 1), (0.1, 2), (0.2, 3), (0.2, 4)]
USERS = 8
PER_S = 180.0
"""Eight users, 44 ms an answer."""


def verdict(built: Builder) -> Verdict:
    return ask(units("rules")["delayed_ack"], Signals(built.recording()))


def system(
    cores: float = 0.05, growth: float = 1.9, noise: float = 0.0, seed: int = 1, busy: float | None = None
) -> Builder:
    """app asks back once for each request; nothing is kept back yet."""
    built = Builder(noise=noise, seed=seed)
    built.service("app", Proc(cores=cores, busy=busy), uses=("back",)).service("back", Proc(cores=0.02))
    built.load(PER_S, growth=growth, users=USERS).generator(in_flight=USERS).host()
    built.edge("generator", "app/0", outstanding=USERS).edge("app", "back/0", outstanding=1)
    edge = Entity("edge", "app", 0, name="back/0")
    built.counter("edges.segments_out", edge, PER_S)
    built.counter("edges.segments_in", edge, PER_S)
    return built


def answers(held: float, late: float = 0.75, *, of: str = "app", per_s: float = PER_S, **more: float) -> Builder:
    """The answers of one service: `held` of the eight requests at a time wait for an acknowledgement."""
    built = system(**more)  # type: ignore[arg-type]
    kept(built, "sends", Entity("listener", of, 0, name="127.0.0.1:8000"), USERS * held, late)
    kept(built, "edges", Entity("edge", "app", 0, name="back/0"), 0, 0)
    rate(built, per_s)
    return built


def questions(held: float, late: float = 0.75, *, by: str = "app", per_s: float = PER_S, **more: float) -> Builder:
    """What a service asks the one behind it."""
    built = system(**more)  # type: ignore[arg-type]
    kept(built, "sends", Entity("listener", "app", 0, name="127.0.0.1:8000"), 0, 0)
    kept(built, "edges", Entity("edge", by, 0, name="back/0"), USERS * held, late)
    rate(built, per_s)
    return built


def kept(built: Builder, probe: str, entity: Entity, held: float, late: float) -> None:
    built.gauge(f"{probe}.held", entity, held)
    built.gauge(f"{probe}.held_late", entity, held * late)


def rate(built: Builder, per_s: float) -> None:
    """Of questions that app asks; the generator's own requests stay as they are."""
    entity = Entity("edge", "app", 0, name="back/0")
    for name in ("edges.segments_out", "edges.segments_in"):
        built.series[name] = []
        built.counter(name, entity, per_s)


@pytest.mark.parametrize("busy", [0.3, 0.99])
def test_where_the_event_loop_is_full_answers_wait_for_that(busy: float) -> None:
    """Recorded of Java's HttpServer, whose one thread asked somebody for each request, and which sends head and body
    apart."""
    found = verdict(answers(0.28, busy=busy))
    assert isinstance(found, Found) and found.faults[0].limits == (busy < 0.9)


CASES: list[tuple[Callable[..., Builder], str, str]] = [
    (lambda **more: answers(0.97, **more), "app", "each answer waits"),
    (lambda **more: answers(0.45, **more), "app", "half of the time is its own work"),
    (lambda **more: answers(0.97, of="back", **more), "back", "answers of the service behind"),
    (lambda **more: questions(0.95, **more), "app", "who asks is named, not who is asked"),
    (lambda **more: answers(0.0, **more), "", "a sleep of 40 ms, a slow service: nothing is kept back"),
    (lambda **more: answers(0.08, **more), "", "the end of an answer is computed for 40 ms: hardly anything is"),
    (lambda **more: answers(0.9, 0.05, **more), "", "a long path: acknowledged as soon as it allows"),
    (lambda **more: questions(0.9, by="generator", **more), "", "the generator's own"),
    (lambda **more: questions(0.9, per_s=2, **more), "", "a stream of log lines: nobody answers each, nobody waits"),
]


@pytest.mark.parametrize(("noise", "seed"), NOISE)
@pytest.mark.parametrize(("build", "service", "why"), CASES, ids=[each[2] for each in CASES])
def test_who_sends_in_pieces(build: Callable[..., Builder], service: str, why: str, noise: float, seed: int) -> None:
    found = verdict(build(noise=noise, seed=seed))
    assert isinstance(found, Found) == bool(service), (why, found)
    if isinstance(found, Found):
        assert [each.service for each in found.faults] == [service]


def test_the_sentence_has_the_wait_of_one_message() -> None:
    found = verdict(answers(0.97))
    assert isinstance(found, Found)
    assert "app sends its answers in pieces, and each waits 43 ms" in found.faults[0].sentence
    found = verdict(questions(0.97))
    assert isinstance(found, Found)
    assert "app sends its questions to back in pieces" in found.faults[0].sentence


def test_it_is_a_defect_though_no_limit_was_reached() -> None:
    found = diagnose(answers(0.97, growth=1.9).recording())
    assert found.outcome == "bottleneck"
    assert found.bottleneck is not None
    assert found.bottleneck.kind == "delayed_ack"


def test_where_the_core_is_used_up_that_is_what_limits() -> None:
    found = diagnose(answers(0.4, cores=0.98, growth=1.02).recording())
    assert found.bottleneck is not None
    assert found.bottleneck.kind == "single_core"
    assert "delayed_ack" in [each.kind for each in found.others]


def test_what_is_seen_on_the_way_to_the_limit_is_said_of_the_way() -> None:
    def over(built: Builder, metric: str, early: float, late: float) -> Builder:
        (series,) = built.series[metric]
        series.v[:] = np.where(built.t < STEADY[0], early, late)
        return built

    for early, late, expected in ((0.9, 0.1, True), (0.3, 0.1, False)):
        built = answers(0.97, growth=1.02)
        over(built, "sends.held", early * USERS, late * USERS)
        over(built, "sends.held_late", early * USERS * 0.75, late * USERS * 0.75)
        found = verdict(built)
        assert isinstance(found, Found) == expected, (early, late)
        if isinstance(found, Found):
            assert not found.faults[0].limits
            assert "throughput stops at something else" in found.faults[0].sentence


def test_a_kernel_that_does_not_tell_is_unknown() -> None:
    built = answers(0.97)
    for name in ("sends.held", "sends.held_late"):
        built.series[name] = []
        built.add(name, Entity("listener", "app", 0, name="127.0.0.1:8000"), np.full(len(built.t), np.nan))
    assert isinstance(verdict(built), Unknown)
    del built.series["sends.held"], built.series["sends.held_late"]
    assert isinstance(verdict(built), Unknown)


def test_what_is_seen_is_said_though_the_rest_is_not() -> None:
    for build in (answers, questions):
        built = build(0.97)
        other = "edges" if build is answers else "sends"
        del built.series[f"{other}.held"], built.series[f"{other}.held_late"]
        assert isinstance(verdict(built), Found)
    built = answers(0.0)
    del built.series["edges.held"], built.series["edges.held_late"]
    assert isinstance(verdict(built), Unknown)


@pytest.mark.parametrize(
    ("held", "growth", "limits"),
    [(0.3, 1.0, False), (0.3, 1.9, True), (0.9, 1.0, True)],
    ids=["more users bring nothing", "more users bring more", "it is most of their time"],
)
def test_where_more_users_bring_nothing_they_wait_for_something_else(held: float, growth: float, limits: bool) -> None:
    """Recorded of Java's HttpServer before a pool of four threads: 26% of 32 users waited for an acknowledgement."""
    found = verdict(answers(held, growth=growth))
    assert isinstance(found, Found)
    assert found.faults[0].limits == limits
