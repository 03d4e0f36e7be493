"""Threads that take turns at a listener, a pool of one thread that computes, and one of one connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import COLLECTOR, Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.rules._pool import brings
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, Thread, loop, system
from tests.rules.test_database_rules import HELD, behind_app


def threads_at_the_door(waiting: float, idle: float = 1.2) -> Builder:
    """They take turns at the listener, in a futex while it is another's, as uWSGI's and Apache's do."""
    share = {"running": 0.04, "socket_wait": waiting, "idle_accept": 0.01, "futex": 0.95 - waiting}
    threads = [Thread(0.04, 0.0, share, "idle_accept") for _ in range(4)]
    built = Builder().service("app", Proc(cores=0.16, threads=threads), Proc(cores=0.16, threads=threads))
    return built.load(200, growth=1.02).generator().host(idle=idle)


@pytest.mark.parametrize(("waiting", "kind"), [(0.94, Found), (0.5, Clear)])
def test_threads_that_take_turns_at_the_listener_are_a_pool(waiting: float, kind: type[Verdict]) -> None:
    signals = Signals(threads_at_the_door(waiting).recording())
    verdict = ask(units("rules")["worker_pool_exhausted"], signals)
    assert isinstance(verdict, kind)
    if isinstance(verdict, Found):
        assert "all 8 threads of the 2 workers of app are taken" in verdict.faults[0].sentence


def test_workers_that_wait_for_somebody_without_a_core_are_not_too_few() -> None:
    """Recorded of four gunicorn workers and a manager process that share two full cores."""
    built = threads_at_the_door(0.94, idle=0.19)
    assert isinstance(ask(units("rules")["worker_pool_exhausted"], Signals(built.recording())), Clear)


def with_worker_threads(busiest: str, below: tuple[Frame, ...] = ()) -> Builder:
    """Of Node: the loop, and one of worker_threads; only the loop's stacks are read."""
    idle = Thread(0.05, 0.0, {"running": 0.06, "idle_epoll": 0.94}, "idle_epoll")
    full = Thread(0.95, 0.0, {"running": 0.99, "idle_epoll": 0.01}, "idle_epoll")
    built = system(Proc(cores=1.0, threads=[full, idle] if busiest == "main" else [idle, full]))
    pid = next(each.entity.pid for each in built.series["process.rss_bytes"] if each.entity.service == "app")
    route = Frame("route", "/srv/app/server.js", 6)
    samples = (("main", (route,), 150), ("main", (route, *below), 50))
    built.stacks.append(Stacks("app", 0, pid, "cpu", samples))
    return built


@pytest.mark.parametrize("busiest", ["main", "worker"])
def test_no_line_of_the_main_thread_is_blamed_for_a_worker_threads_core(busiest: str) -> None:
    """Recorded of Node: one of worker_threads computes paths, the profile is of the loop that hands it work."""
    built = with_worker_threads(busiest)
    verdict = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(verdict, Found)
    assert (verdict.faults[0].where is None) == (busiest == "worker")
    assert ("worker_threads share this work" in verdict.faults[0].remedy) == (busiest == "worker")


@pytest.mark.parametrize(("busiest", "kind"), [("main", Found), ("worker", Clear)])
def test_what_the_main_thread_collects_is_no_part_of_a_worker_threads_core(busiest: str, kind: type[Verdict]) -> None:
    """Recorded of Node: a fifth of the little that the loop does is the collector's."""
    built = with_worker_threads(busiest, (Frame(COLLECTOR, "", 0),))
    assert isinstance(ask(units("rules")["gc_pauses"], Signals(built.recording())), kind)


@pytest.mark.parametrize(
    ("early", "cores", "alone_ms", "kind"),
    [("futex", 0.99, 20, Found), ("", 0.99, 2, Found), ("", 0.99, 20, Clear), ("futex", 0.6, 5, Clear)],
    ids=["waited for work", "as many as one serves", "may spin", "has time left"],
)
def test_a_pool_of_one_thread_that_computes(early: str, cores: float, alone_ms: float, kind: type[Verdict]) -> None:
    """Recorded of Node's scrypt with UV_THREADPOOL_SIZE=1: the loop idles, one thread of libuv uses a core up."""
    pool = Thread(cores, 0.0, {"running": cores}, early)
    built = system(Proc(cores=cores + 0.05, threads=[Thread(0.05, 0.0, {"idle_epoll": 0.91}, "idle_epoll"), pool]))
    built.edge("generator", "app", outstanding=8)
    built.histograms = Fixed(p50_ms=alone_ms)  # at 200 requests/s
    verdict = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(verdict, kind)
    if isinstance(verdict, Found):
        assert "one thread of a pool uses up" in verdict.faults[0].sentence and verdict.faults[0].where is None


@pytest.mark.parametrize(
    ("futex", "inside", "alone_ms", "kind"),
    [(0.2, 8, 5, Found), (0.05, 8, 5, Clear), (0.2, 1, 5, Clear), (0.2, 8, 20, Clear)],
    ids=["recorded of aiosqlite", "it has time left", "nobody waits for it", "several are served at a time"],
)
def test_a_pools_thread_on_its_way_back_into_the_interpreter_has_no_time(
    futex: float, inside: float, alone_ms: float, kind: type[Verdict]
) -> None:
    """One connection to SQLite, whose thread lets go of the interpreter while it reads."""
    pool = Thread(0.74, 0.06, {"running": 0.78, "futex": futex}, "futex")
    built = system(Proc(cores=0.87, threads=[Thread(0.13, 0.09, {"idle_epoll": 0.74}, "idle_epoll"), pool]))
    built.edge("generator", "app", outstanding=inside)
    built.series["generator.in_flight"][0].v[:] = inside
    built.stack("app", "gil", ("search", "notes.py", 21, 90))
    built.histograms = Fixed(p50_ms=alone_ms)
    found = ask(units("rules")["single_core"], Signals(built.recording()))
    assert isinstance(found, kind)
    if isinstance(found, Found):
        assert any("20% of its time it waited for the interpreter" in each.says for each in found.faults[0].evidence)


@pytest.mark.parametrize(("python", "expected"), [(True, Clear), (False, Found)])
def test_threads_that_want_the_interpreter_wait_for_nobody_else(python: bool, expected: type[Verdict]) -> None:
    """FastAPI's threads over SQLAlchemy: an answer is on its connection until its thread has its turn. Of a program
    without such a lock the same figures are of a caller with time left: other threads use the core."""
    built = Builder(cores=4).service("app", Proc(cores=0.98, threads=[loop(0.2, blocked={"futex": 0.4}, idle=0.4)]))
    built.service("back", Proc(cores=0.2)).load().generator().host()
    built.edge("generator", "app", outstanding=8).edge("app", "back", outstanding=8)
    if python:
        built.stack("app", "gil", ("present", "main.py", 30, 90))
    assert isinstance(ask(units("rules")["slow_downstream"], Signals(built.recording())), expected)


def test_the_only_connection_is_waited_for_itself() -> None:
    """One that is held in a transaction nearly all of the time."""
    one = replace(HELD, sessions=HELD.sessions | {"connections": 1, "active": 0.05, "idle_in_transaction": 0.9})
    built = behind_app(one, waiting=0.2, app=Proc(cores=0.1, busy=0.15))
    found = ask(units("rules")["connection_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found)
    says = found.faults[0].sentence
    assert says.startswith("the only connection from app to db is taken, and ") and " requests wait for it" in says
    assert found.faults[0].evidence[0].says.endswith(" shared 1 connection")


POOL = "/usr/lib/python3.11/concurrent/futures/thread.py"


@pytest.mark.parametrize(("function", "kind"), [("_worker", "thread_pool_exhausted"), ("run", "lock_contention")])
def test_a_pool_of_one_thread_that_always_finds_the_next_call_waiting(function: str, kind: str) -> None:
    """Recorded of asgiref's sync_to_async, which has one thread for all: it waits for another service, and never for
    work. A thread of the user's own below which no pool is may be a worker by itself."""
    asks = Thread(0.07, 0.0, {"running": 0.07, "socket_wait": 0.93}, runs_per_s=87)
    built = Builder().service("app", Proc(cores=0.12, threads=[loop(0.05, idle=0.94), asks]))
    built.service("back", Proc(cores=0.05, busy=0.06)).load(46, users=8).generator(in_flight=8).host()
    built.edge("generator", "app", outstanding=8).edge("app", "back", outstanding=1.0, connections=1)
    built.histograms = Fixed(p50_ms=20)
    pid = next(each.entity.pid for each in built.series["process.rss_bytes"] if each.entity.service == "app")
    stack = (
        Frame(function, POOL, 83),
        Frame("lookup", "/srv/app/places.py", 9),
        Frame("readinto", "/usr/lib/python3.11/socket.py", 718),
    )
    built.stacks.append(Stacks("app", 0, pid, "all", (("ThreadPoolExecutor-0_0", stack, 190), ("MainThread", (), 190))))
    found = diagnose(built.recording())
    assert found.bottleneck is not None
    assert found.bottleneck.kind == kind, found.bottleneck
    if kind == "thread_pool_exhausted":
        assert "the only thread of a pool in app is taken, in lookup() at places.py:9" in found.bottleneck.sentence


@pytest.mark.parametrize(
    ("here", "gain"),
    [(16.0, 1.33), (32.0, 2.0), (33.0, 2.0), (0.0, 2.0)],
    ids=["as recorded: the others wait at another service", "all", "clocks of two edges differ", "a socket not seen"],
)
def test_a_bigger_pool_brings_nothing_to_requests_that_are_elsewhere(here: float, gain: float) -> None:
    """Half of the users asked Puma's six threads, the others a service with a lock: twice the threads are not twice the
    throughput of both."""
    built = Builder().service("front", Proc(cores=0.1)).service("pool", Proc(cores=0.1))
    built.target = "front"
    built.load(143, growth=1.0, users=32).generator().host()
    built.edge("generator", "front", outstanding=32, connections=32).edge("front", "pool", outstanding=here)
    signals = Signals(built.recording())
    assert brings(signals, "pool", 2.0) == pytest.approx(gain, abs=0.01)
    assert brings(signals, "front", 2.0) == 2.0
