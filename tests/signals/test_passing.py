"""A thread for each request: what such threads do together, as that of so many threads."""

from __future__ import annotations

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread


def server(at_a_time: float = 8.0, *, cores: float = 0.3, **share: float) -> Builder:
    """Recorded of `flask run` with 8 users: its main thread accepts, and starts a thread for each request."""
    accepts = Thread(0.05, 0.0, {"running": 0.05, "idle_accept": 0.95}, "idle_accept")
    built = Builder().service("shop", Proc(cores=cores, threads=[accepts]))
    built.target = "shop"
    built.passing(at_a_time, share)
    built.load(200, growth=1.01, users=8).generator(in_flight=8).host(idle=1.2)
    return built.edge("generator", "shop", outstanding=8.0)


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def test_they_are_as_many_threads_as_there_were_at_a_time() -> None:
    built = server(7.8, futex=0.75, sleep=0.15)
    pid = next(each.entity.pid for each in built.series["threads.alive"])
    peer = Entity("wait", "shop", 0, pid, 0, "db/0")
    built.counter("waits.samples", peer, 0.5 * 7.8 * 20)
    threads = Signals(built.recording()).threads
    passing = [each for each in threads.of("shop") if each.passing]
    assert len(passing) == 8 and len({each.entity for each in passing}) == 8
    assert all(abs(each.share["futex"] - 0.75) < 0.01 for each in passing)
    assert abs(sum(each.cores for each in passing) - 0.25) < 0.02
    assert not any(each.serves or each.handed for each in passing)
    assert [round(wait.share, 2) for each in passing for wait in threads.peers(each.entity)] == [0.5] * 8


def test_few_looks_say_nothing() -> None:
    built = server(0.02, futex=1.0)
    assert not [each for each in Signals(built.recording()).threads.of("shop") if each.passing]


def test_a_lock_that_they_stand_at() -> None:
    built = server(futex=0.87, sleep=0.11, running=0.02)
    built.stack("shop", "still", ("take", "app.py", 12, 800))
    found = verdict("lock_contention", built)
    assert isinstance(found, Found)
    assert "one at a time holds a lock in take() at app.py:12" in found.faults[0].sentence


def test_threads_that_only_wait_for_something_slow_are_no_line() -> None:
    built = server(futex=0.02, socket_wait=0.95, running=0.03)
    built.stack("shop", "still", ("take", "app.py", 12, 800))
    assert isinstance(verdict("lock_contention", built), Clear)
    assert isinstance(verdict("thread_pool_exhausted", built), Clear)


def test_an_interpreter_that_they_share() -> None:
    built = server(cores=1.02, futex=0.8, running=0.2)
    for number in range(3):
        built.stack("shop", "gil", ("weigh", "app.py", 9, 90), thread=f"Thread-{number}")
    found = verdict("gil_contention", built)
    assert isinstance(found, Found) and "9 threads of shop share one core" in found.faults[0].sentence
