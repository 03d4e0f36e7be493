"""Several questions at a time on one connection, as with HTTP/2 (gRPC): sockets show only that there are some."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from tests.build import Builder, Fixed, Proc, Thread
from tests.rules.test_software_limits import app, client, loop, taking_turns, verdict, workers


def multiplexed(inside: float = 8, outstanding: float = 1.0, unread: float | None = None) -> Builder:
    """gRPC: all that a front asks of `app` goes over one connection."""
    threads = [loop(0.1), *workers(3, sleep=0.97)]
    if unread is not None:  # as recorded: of its event engine's threads, one is in epoll while the others stand
        threads += [Thread(0.002, 0.0, {"futex": 0.97, "idle_epoll": 0.03}, "idle_epoll", runs_per_s=90)]
    built = Builder(cores=4).service("web", Proc(cores=0.1, busy=0.1), uses=("app",))
    built.target = "web"
    built.service("app", Proc(cores=0.06, threads=threads)).load(100).generator(in_flight=inside).host()
    built.edge("generator", "web", connections=8, outstanding=inside)
    if unread is not None:
        built.gauge("edges.unread_bytes", Entity("edge", "web", 0, name="app"), unread)
    return built.edge("web", "app", connections=1, outstanding=outstanding)


def test_a_connection_carries_more_than_one_question_at_a_time() -> None:
    found = verdict("thread_pool_exhausted", multiplexed())
    assert isinstance(found, Found)
    assert found.faults[0].sentence == "all 3 threads of a pool in app are taken, and 5 requests wait for one"
    assert isinstance(verdict("thread_pool_exhausted", multiplexed(inside=3)), Clear)
    assert isinstance(verdict("thread_pool_exhausted", multiplexed(outstanding=0.6)), Clear), "not busy all the time"
    seen = "as two of 22 looks fall between an answer and the next question"
    assert isinstance(verdict("thread_pool_exhausted", multiplexed(outstanding=0.9)), Found), seen


def test_one_question_on_a_connection_of_many_is_no_lock_of_whoever_asks() -> None:
    built = multiplexed()
    built.histograms = Fixed(p50_ms=30)  # of a lone request: 100 a second are three at a time
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.service) == ("thread_pool_exhausted", "app")
    assert isinstance(verdict("lock_contention", built), Clear)


@pytest.mark.parametrize(("unread", "kind"), [(0.0, Found), (200.0, Clear)], ids=["all is read", "questions lie there"])
def test_a_thread_that_waits_for_its_turn_at_epoll_is_no_blocked_loop(unread: float, kind: type[Verdict]) -> None:
    assert isinstance(verdict("thread_pool_exhausted", multiplexed(unread=unread)), kind)


@pytest.mark.parametrize(("unread", "kind"), [(0.0, Found), (200.0, Clear)], ids=["all is read", "questions lie there"])
def test_a_thread_that_hardly_ever_has_its_turn_is_one_too_many(unread: float, kind: type[Verdict]) -> None:
    """Recorded of Go's MaxConnsPerHost: a seventh thread was woken 34 times a second, the others 230 to 270 times."""
    spare = Thread(0.0033, 0.0, {"running": 0.005, "idle_epoll": 0.015, "futex": 0.98}, "idle_epoll")
    built = app(*taking_turns(), spare, inside=16, connections=5, out=4.6, rps=900, cores=0.04)
    built.gauge("edges.unread_bytes", Entity("edge", "generator", 0, name="app/0"), unread)
    assert isinstance(verdict("connection_pool_exhausted", built), kind)


def test_a_question_that_is_always_on_the_one_connection_may_be_one_of_several() -> None:
    """gRPC before a loop: nothing there stands still, but three are served at once, and a lone one waits there only."""
    built = multiplexed()
    built.histograms = Fixed(p50_ms=30)
    built.series = {
        name: [each for each in many if each.entity.service != "app" or each.entity.kind != "thread"]
        for name, many in built.series.items()
    }
    found = verdict("slow_downstream", built)
    assert isinstance(found, Found) and found.faults[0].service == "app"
    assert isinstance(verdict("lock_contention", built), Clear)


def side_by_side(calls: float, *, connections: float = 8, inside: float = 8) -> Builder:
    """aiohttp's limit_per_host: a request asks for `calls` rates at a time, as seen with one or two users."""
    built = client(inside=inside, connections=connections, out=0.95 * connections, rps=730)
    for series in built.series["edges.outstanding"]:
        few = [(series.t >= each.start) & (series.t <= each.end) for each in built.levels if 0 < each.users <= 2]
        for level in few:
            series.v[level] = 1.0 if series.entity.service == "generator" else calls
    return built


def test_a_request_may_ask_for_several_connections_at_a_time() -> None:
    found = verdict("connection_pool_exhausted", side_by_side(2.0))
    assert isinstance(found, Found)
    assert found.faults[0].sentence == "all 8 connections from app to rail are taken, and 8 calls wait for one"
    assert found.faults[0].evidence[0].says == "8 requests in app, with 2.0 calls at a time each, shared 8 connections"
    diagnosis = diagnose(side_by_side(2.0).recording())
    assert "slow_downstream" not in [each.kind for each in diagnosis.others], "they wait before they ask"


@pytest.mark.parametrize(
    "built",
    [side_by_side(1.2), side_by_side(2.0, connections=16)],
    ids=["one after the other", "a connection for each call"],
)
def test_where_each_call_has_a_connection_no_pool_is_taken(built: Builder) -> None:
    assert isinstance(verdict("connection_pool_exhausted", built), Clear)
    assert isinstance(verdict("slow_downstream", built), Found)
