"""Semaphores that stacks show, and threads that are at no work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread


@pytest.mark.parametrize(("inner", "kind"), [("Semaphore.acquire", Found), ("Queue.get", Clear)])
def test_a_semaphore_of_three_that_the_stacks_show(inner: str, kind: type[Verdict]) -> None:
    """Recorded of ThreadingHTTPServer: three hold threading.Semaphore(3) and sleep, five stand in its acquire, which
    is a Condition.wait below. A queue's get has that below it as well, and is a wait for work."""
    accepts = Thread(0.02, 0.0, {"running": 0.03, "idle_accept": 0.97}, "idle_accept")
    threads = [Thread(0.01, 0.0, {"futex": 0.61, "sleep": 0.38, "running": 0.01}) for _ in range(8)]
    built = Builder().service("app", Proc(cores=0.1, threads=[accepts, *threads]))
    pid = built.pid
    built.load(98, growth=1.01, users=8).generator(in_flight=8).host(idle=1.4).edge("generator", "app", outstanding=8)
    ours, library = Frame("borrow", "/srv/app/app.py", 25), "/usr/lib/python3.11/threading.py"
    waits = (ours, Frame(inner, library, 479), Frame("Condition.wait", library, 327))
    main = (Frame("<module>", "/srv/app/app.py", 43), Frame("select", "/usr/lib/python3.11/selectors.py", 415))
    samples = [("MainThread", main, 100)]
    samples += [
        (f"Thread-{number}", stack, count) for number in range(8) for stack, count in ((waits, 61), ((ours,), 38))
    ]
    built.stacks.append(Stacks("app", 0, pid, "all", tuple(samples)))
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        says = "about 3 at a time get past a semaphore or lock in borrow() at app.py:25"
        assert says in found.faults[0].sentence and "more permits" in found.faults[0].remedy


def test_a_main_thread_that_sleeps_beside_those_that_serve_is_not_at_work() -> None:
    """Recorded of `flask run --debug`: it looks once a second whether a file has changed."""
    built = Builder().service("app", Proc(cores=0.3, threads=[Thread(0.0, 0.0, {"sleep": 1.0}, runs_per_s=40.0)]))
    entity = next(each.entity for each in built.series["threads.samples"] if each.entity.service == "app")
    accepts = Thread(0.05, 0.0, {"idle_accept": 0.95, "running": 0.05}, "idle_accept", runs_per_s=200.0)
    built.thread(replace(entity, tid=entity.tid + 1), accepts)
    for number in range(2, 10):
        share = {"futex": 0.83, "sleep": 0.1, "running": 0.07}
        built.thread(replace(entity, tid=entity.tid + number), Thread(0.03, 0.0, share, runs_per_s=50.0))
    built.load(200, growth=1.01, users=8).generator(in_flight=8).host(idle=1.2).edge("generator", "app", outstanding=8)
    (worker,) = Signals(built.recording()).workers.of("app")
    assert worker.at_work == pytest.approx(8 * 0.17, abs=0.05)


LIBRARY = "/usr/lib/python3.11/"
HANDLED = Frame("BaseRequestHandler.__init__", LIBRARY + "socketserver.py", 755)
WAIT = Frame("Condition.wait", LIBRARY + "threading.py", 327)


def handlers(asked: Frame, *more: Thread) -> Builder:
    """Recorded of ThreadingHTTPServer, whose eight threads at a time wait in a library's function; and other threads of
    the process."""
    accepts = Thread(0.03, 0.0, {"running": 0.09, "idle_accept": 0.91}, "idle_accept")
    built = Builder().service("app", Proc(cores=0.13, threads=[accepts, *more]))
    pid = built.pid
    built.passing(8.0, {"futex": 0.62, "sleep": 0.38} if not more else {"futex": 0.99, "running": 0.01})
    built.load(98, growth=1.01, users=8).generator(in_flight=8).host(idle=1.5).edge("generator", "app", outstanding=8)
    ours = Frame("lend", "/srv/app/app.py", 18)
    main = (Frame("<module>", "/srv/app/app.py", 43), Frame("select", LIBRARY + "selectors.py", 415))
    samples = [("MainThread", main, 100)]
    for number in range(8):
        samples += [(f"T{number}", (HANDLED, ours, asked, WAIT), 62), (f"T{number}", (HANDLED, ours), 38 * (not more))]
    samples += [(f"Pool_{number}", (Frame("fetch", "/srv/app/app.py", 13),), 99) for number, _ in enumerate(more)]
    built.stacks.append(Stacks("app", 0, pid, "all", tuple(samples)))
    return built


def test_a_queue_that_lends_three_things() -> None:
    built = handlers(Frame("Queue.get", LIBRARY + "queue.py", 171))
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, Found), found
    assert "about 3 at a time have one of what a queue lends in lend() at app.py:18" in found.faults[0].sentence


@pytest.mark.parametrize(("function", "kind"), [("Future.result", Found), ("Future.peek", Clear)])
def test_a_pool_that_is_waited_for_though_its_threads_were_never_idle(function: str, kind: type[Verdict]) -> None:
    """A pool starts a thread when it has none that is free; of threads that nobody waits for, that may be helpers."""
    sleeps = [Thread(0.0, 0.0, {"sleep": 0.99, "running": 0.01}) for _ in range(4)]
    built = handlers(Frame(function, LIBRARY + "concurrent/futures/_base.py", 451), *sleeps)
    found = ask(units("rules")["thread_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, kind), found
    if isinstance(found, Found):
        says = "all 4 threads of a pool in app are taken, in fetch() at app.py:13, and 4 requests wait for one"
        assert found.faults[0].sentence == says


@pytest.mark.parametrize("passing", [8.0, 0.0])
def test_who_starts_a_thread_for_each_request_is_no_worker_itself(passing: float) -> None:
    """Recorded of ThreadingHTTPServer: while others hold the interpreter its main thread stands in a futex."""
    accepts = Thread(0.03, 0.0, {"running": 0.08, "futex": 0.92}, "idle_accept")
    built = Builder().service("app", Proc(cores=0.9, threads=[accepts]))
    if passing:
        built.passing(passing, {"futex": 0.6, "running": 0.4})
    built.load(98, growth=1.01, users=8).generator(in_flight=8).host(idle=1.5).edge("generator", "app", outstanding=8)
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Clear if passing else Found), found
