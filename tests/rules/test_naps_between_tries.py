"""A lock that is kept in a store, for which threads ask again after a sleep: who sleeps is not at work, and a pool with
threads to spare is not taken."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import THREAD_STATES, Entity, Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread, loop

WORKS = Thread(0.01, 0.0, {"socket_wait": 0.5, "sleep": 0.49, "running": 0.01}, "futex")
NAPS = Thread(0.005, 0.0, {"sleep": 0.97, "running": 0.005}, "futex")
FREE = Thread(0.001, 0.0, {"futex": 0.98, "sleep": 0.02}, "futex", runs_per_s=10.0)
EXECUTOR = Frame("_worker", "/usr/lib/python3.11/concurrent/futures/thread.py", 83)


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def booking(naps: int = 3, *, again: float = 2.0, alone: bool = True, role: str = "cache", free: int = 4) -> Builder:
    """Recorded of two processes with a pool of threads each, and redis-py's Lock round a call. again: questions to the
    store for each request beyond those of a lone one."""
    threads = [loop(0.01, idle=0.99), WORKS, *[NAPS] * naps, *[FREE] * free]
    built = Builder().service("app", *[Proc(cores=0.05, threads=threads)] * 2, uses=("psp", "redis"))
    built.service("psp", Proc(cores=0.04, busy=0.05)).service("redis", Proc(cores=0.01, busy=0.01), role=role)
    built.load(36, growth=1.0, users=8).generator(in_flight=8).host()
    built.edge("generator", "app", outstanding=8).edge("app", "redis", outstanding=0.0)
    built.edge("app", "psp", outstanding=1.0 if alone else 2.0, connections=2)
    for to, each in (("psp", (1.0, 1.0)), ("redis", (4.0 + again, 4.0))):
        for way in ("out", "in"):
            # At the first level a user alone has the rate that 36 comes from (tests/build.py).
            lone = 36 / 1.8**2
            built.counter(
                f"edges.segments_{way}", Entity("edge", "app", 0, name=to), each[0] * 36, before=each[1] * lone
            )
    return built


def tasks(*, busy: float = 0.1, again: float = 3.2) -> Builder:
    """Recorded of the same in two event loops: no thread stands for a request."""
    built = booking(again=again)
    for name in ("samples", *[each for each in THREAD_STATES if f"threads.{each}" in built.series]):
        kept = [each for each in built.series[f"threads.{name}"] if each.entity.tid == each.entity.pid]
        built.series[f"threads.{name}"] = kept
    for state, share in (("running", busy), ("idle_epoll", 1.0 - busy)):
        mine = [each for each in built.series[f"threads.{state}"] if each.entity.service == "app"]
        built.series[f"threads.{state}"] = [each for each in built.series[f"threads.{state}"] if each not in mine]
        for each in mine:
            built.counter(f"threads.{state}", each.entity, 50.0 * share, before=25.0)
    return built


def test_a_lock_in_a_store_for_which_tasks_of_several_loops_ask() -> None:
    found = verdict("lock_contention", tasks())
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert "one at a time holds a lock kept in redis" in fault.sentence and fault.where is None
    assert any("6.8 were neither at anybody else nor at work" in each.says for each in fault.evidence)
    assert isinstance(verdict("lock_contention", tasks(busy=0.8)), Clear), "a loop without time may be it"
    assert isinstance(verdict("lock_contention", tasks(again=0.1)), Clear)


def test_a_lock_in_a_store_asked_for_between_naps() -> None:
    built = booking()
    found = verdict("lock_contention", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.sentence.startswith("requests in app wait for each other: one at a time holds a lock kept in redis")
    assert fault.remedy.startswith("Take the call to psp out of the lock")
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.service) == ("lock_contention", "app")


@pytest.mark.parametrize(
    "built",
    [booking(naps=0), booking(again=0.1), booking(alone=False), booking(role="app")],
    ids=["nobody sleeps", "nobody asks again", "several get as far as the call", "a service, which may refuse"],
)
def test_no_such_lock(built: Builder) -> None:
    assert isinstance(verdict("lock_contention", built), Clear)


@pytest.mark.parametrize(("idle", "taken"), [(0, True), (4, False)])
def test_a_pool_with_threads_to_spare_is_not_taken(idle: int, taken: bool) -> None:
    """Stacks know a thread's pool by its name; those of the kernel are all called as the program is."""
    stands = Thread(0.01, 0.0, {"socket_wait": 0.97, "futex": 0.01}, "futex")
    threads = [loop(0.01, idle=0.99), stands, stands, *[FREE] * 4]
    built = Builder().service("app", Proc(cores=0.03, threads=threads))
    built.load(80, growth=1.0, users=8).generator(in_flight=8).host().edge("generator", "app", outstanding=8)
    call = (EXECUTOR, Frame("book", "/srv/app/web.py", 22), Frame("recv", "/usr/lib/python3.11/socket.py", 700))
    samples = [(f"ThreadPoolExecutor-0_{index}", call, 290) for index in range(2)]
    samples += [(f"ThreadPoolExecutor-0_{2 + index}", (EXECUTOR,), 290) for index in range(idle)]
    samples += [(f"Resolver-1_{index}", (EXECUTOR,), 290) for index in range(4)]  # another pool has room: its own
    built.stacks.append(Stacks("app", 0, built.pid - 10, "all", tuple(samples)))
    assert isinstance(verdict("thread_pool_exhausted", built), Found) == taken
