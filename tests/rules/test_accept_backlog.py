"""Why a queue of connections is full: what the core goes into, and who asks again what it has given up."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, ErrorKind
from tests.build import Builder, Proc


def storm(cores: float, tries: float, failed: float) -> Builder:
    """Recorded of a front that gives up after 100 ms and asks again, four times, without a pause."""
    built = Builder().service("front", Proc(cores=0.1, busy=0.1), uses=("back",))
    built.service("back", Proc(cores=cores)).stack("back", "gil", ("height", "/srv/back/tides.py", 10, 200))
    built.target = "front"
    built.load(1 if failed else 80, failed=failed, users=32).generator().host()
    listener = Entity("listener", "back", 0, name="127.0.0.1:9000")
    built.gauge("sockets.accept_queue_max", listener, 129)
    built.gauge("sockets.backlog", listener, 128)
    built.counter("host.listen_overflows", Entity("host"), 200)
    built.counter("host.tcp_active_opens", Entity("host"), 80 * tries)
    built.counter("sockets.lingering", listener, 50)
    built.errors.append(ErrorKind("GET /", "HTTP 500", 1000, 20.0, 32.0, ""))
    return built


@pytest.mark.parametrize(
    ("cores", "tries", "failed", "again", "core"),
    [(0.98, 4, 79, True, True), (0.98, 1, 79, False, True), (0.3, 4, 79, True, False)],
    ids=["tries on a full core", "no tries", "it has time left"],
)
def test_why_the_queue_is_full(cores: float, tries: float, failed: float, again: bool, core: bool) -> None:
    first = diagnose(storm(cores, tries, failed).recording()).bottleneck
    assert first is not None and (first.kind, first.service) == ("accept_backlog", "back")
    assert ("its one core is used up: height() at tides.py:10 takes 100% of it" in first.sentence) == core
    assert ("First make height() cheaper" in first.remedy.text) == core
    assert first.remedy.text.startswith("Where front asks again what it has given up") == again
    assert any("front opened 4.0 connections to it for each request" in each.says for each in first.evidence) == again


def test_many_connections_for_requests_that_are_answered_are_no_tries() -> None:
    found = diagnose(storm(0.3, 4, 0).recording())
    told = [each for each in (found.bottleneck, *found.others) if each is not None and each.kind == "accept_backlog"]
    assert told and not told[0].remedy.text.startswith("Where front")


@pytest.mark.parametrize(("cores", "calm"), [(0.3, True), (0.7, False), (0.98, False)])
def test_a_service_with_time_left_needs_a_longer_queue_and_nothing_else(cores: float, calm: bool) -> None:
    found = diagnose(storm(cores, 1, 0).recording())
    told = next(
        each for each in (found.bottleneck, *found.others) if each is not None and each.kind == "accept_backlog"
    )
    assert told.remedy.text.startswith("Let more connections wait") == calm
    assert any(each.says.startswith("it had time left, busy 30%") for each in told.evidence) == calm
