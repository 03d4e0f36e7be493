"""Java programs: every wait is a futex to the kernel; the stacks tell which. And programs without any stacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Event, Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals, asleep, workers
from tests.build import Builder, Proc, Thread

LOOKS = 90
OURS = Frame("Ledger.enter", "com/desk/Desk.java", 18)
LIBRARY = Frame("Worker.run", "jvm:java.base/java/util/concurrent/ThreadPoolExecutor.java", 635)
MONITOR = (LIBRARY, OURS, Frame("(monitor)", "", 0))
LOCK = (LIBRARY, OURS, Frame("ReentrantLock.lock", "jvm:java.base/java/util/concurrent/locks/ReentrantLock.java", 322))
SLEEP = (LIBRARY, OURS, Frame("Thread.sleep", "jvm:java.base/java/lang/Thread", 0))
FUTURE = (LIBRARY, OURS, Frame("CompletableFuture.get", "jvm:java.base/java/util/concurrent/CompletableFuture.java", 9))
ASKS = Frame("Desk.ask", "com/desk/Desk.java", 44)
RESULT = (LIBRARY, ASKS, Frame("FutureTask.get", "jvm:java.base/java/util/concurrent/FutureTask.java", 190))
JOINS = (LIBRARY, ASKS, Frame("CompletableFuture.join", "jvm:java.base/java/util/concurrent/CompletableFuture.java", 7))
SUPPLY = Frame("AsyncSupply.run", "jvm:java.base/java/util/concurrent/CompletableFuture.java", 1768)
SENDS = Frame("HttpClientFacade.send", "jvm:java.net.http/jdk/internal/net/http/HttpClientFacade.java", 123)
QUEUE = (LIBRARY, OURS, Frame("LinkedBlockingQueue.take", "jvm:java.base/java/util/concurrent/Queue.java", 435))
IDLE = (LIBRARY, Frame("Unsafe.park", "jvm:java.base/jdk/internal/misc/Unsafe", 0))
Stack = tuple[Frame, ...]


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def kinds(built: Builder) -> list[str]:
    found = diagnose(built.recording())
    return [each.kind for each in (found.bottleneck, *found.others) if each is not None]


def program(
    *pool: dict[Stack, float], cores: float = 0.08, running: float = 0.01, inside: float = 8, noise: float = 0.0
) -> Builder:
    """A dispatcher in epoll, ten threads of the virtual machine, and a pool; of each of its threads the share of looks
    at each stack; while none, it ran."""
    dispatcher = Thread(0.02, 0.0, {"running": 0.03, "idle_epoll": 0.97}, "idle_epoll")
    own = [Thread(0.001, 0.0, {"futex": 1.0}) for _ in range(10)]
    threads = [
        Thread((cores - 0.03) / max(1, len(pool)), 0.0, {"running": running, "futex": 1.0 - running}) for _ in pool
    ]
    built = Builder(noise=noise).service("app", Proc(cores=cores, threads=[dispatcher, *own, *threads]))
    pid = built.pid
    built.load(120, growth=1.01, users=int(inside)).generator(in_flight=inside).host(idle=1.2)
    built.edge("generator", "app", outstanding=inside)
    samples = [
        (f"pool-1-thread-{number} ({pid + 11 + number})", stack, round(LOOKS * share))
        for number, stacks in enumerate(pool)
        for stack, share in stacks.items()
        if share
    ]
    built.stacks.append(Stacks("app", 0, pid, "still", tuple(samples)))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("stack", [MONITOR, LOCK], ids=["synchronized", "ReentrantLock"])
def test_a_lock_held_while_one_sleeps(stack: Stack, noise: float) -> None:
    """Recorded of 32 threads and 8 users: 8 in the process, one asleep in the lock, 24 idle in their pool."""
    served = {stack: 7 / 32, SLEEP: 1 / 32, IDLE: 24 / 32}
    built = program(*[served] * 32, noise=noise)
    found = verdict("lock_contention", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert "one at a time holds a lock in Ledger.enter() at com/desk/Desk.java:18" in fault.sentence
    assert kinds(built)[0] == "lock_contention"


def test_a_semaphore_of_four_is_not_called_a_lock_that_one_holds() -> None:
    """Recorded of 64 threads and 16 users: four get through and ask another service, the rest stand before it."""
    served = {LOCK: 12 / 64, SLEEP: 4 / 64, IDLE: 48 / 64}
    found = verdict("lock_contention", program(*[served] * 64, inside=16, running=0.003))
    assert isinstance(found, Found)
    assert "about 4 at a time get past a semaphore or lock" in found.faults[0].sentence
    assert "more permits" in found.faults[0].remedy


@pytest.mark.parametrize("running", [0.117, 0.4], ids=["handed over at once", "handed over slowly"])
def test_one_at_a_time_computes_under_a_lock(running: float) -> None:
    """A core is full, another idle: it is the lock that keeps them apart, and no interpreter's. With dozens of threads
    (32 were recorded) whoever gets it waits for a core as well, and 3.6 are at work at a time."""
    served = {MONITOR: 7 / 8, IDLE: 1 / 8}
    built = program(*[served] * 8, cores=0.97, running=running)
    gil = verdict("gil_contention", built)
    assert isinstance(verdict("lock_contention", built), Found) and not isinstance(gil, Found)
    assert kinds(built)[0] == "lock_contention"


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("stack", [SLEEP, FUTURE], ids=["asleep", "a future"])
def test_a_small_pool_of_threads_that_wait(stack: Stack, noise: float) -> None:
    built = program(*[{stack: 0.99, IDLE: 0.01}] * 4, noise=noise)
    found = verdict("thread_pool_exhausted", built)
    assert isinstance(found, Found)
    assert found.faults[0].sentence.startswith("all 4 threads of a pool in app are taken, in ")
    assert found.faults[0].sentence.endswith(", and 4 requests wait for one")
    assert kinds(built)[0] == "thread_pool_exhausted"


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_a_small_pool_behind_the_one_that_takes_requests(noise: float) -> None:
    """Recorded of 64 threads that handed what they were asked to four others, and waited for the result."""
    takes = {RESULT: 22 / 64, IDLE: 42 / 64}
    built = program(*[takes] * 64, *[{SLEEP: 0.99, IDLE: 0.01}] * 4, inside=26, running=0.002, noise=noise)
    found = verdict("thread_pool_exhausted", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.sentence.startswith("all 4 threads of a pool in app are taken, in Ledger.enter() at com/desk/Desk")
    assert "22 requests wait for one" in fault.sentence


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_who_joins_what_another_pool_supplies_is_not_the_pool_that_is_taken(noise: float) -> None:
    """Recorded of threads without number that hand each request's lookups to four others (supplyAsync), and join: all
    26 of them were named, at the line of the join."""
    supplies = {(LIBRARY, SUPPLY, OURS, SENDS): 0.99, IDLE: 0.01}
    built = program(*[{JOINS: 0.95, IDLE: 0.05}] * 26, *[supplies] * 4, inside=32, running=0.002, noise=noise)
    found = verdict("thread_pool_exhausted", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.sentence.startswith("all 4 threads of a pool in app are taken, in Ledger.enter() at com/desk/Desk")
    assert "28 requests wait for one" in fault.sentence


def test_who_joins_within_a_pool_keeps_its_place_there() -> None:
    """What is supplied supplies more, to the same four threads, and joins it."""
    nested = {(LIBRARY, SUPPLY, *JOINS[1:]): 0.99, IDLE: 0.01}
    found = verdict("thread_pool_exhausted", program(*[nested] * 4))
    assert isinstance(found, Found) and found.faults[0].sentence.startswith("all 4 threads of a pool in app are taken")


@pytest.mark.parametrize("stack", [IDLE, QUEUE], ids=["an executor's", "a queue of one's own"])
def test_an_idle_pool_is_neither(stack: Stack) -> None:
    built = program(*[{stack: 1.0}] * 8)
    assert isinstance(verdict("thread_pool_exhausted", built), Clear)
    assert isinstance(verdict("lock_contention", built), Clear)


def test_threads_of_the_virtual_machine_wait_for_no_lock() -> None:
    recording = program(*[{MONITOR: 0.5, IDLE: 0.5}] * 4).recording()
    (process,) = workers.compute(recording).of("app")
    assert process.told and process.queueing == pytest.approx(2.0, abs=0.1)


def test_kinds_of_sleep() -> None:
    found = asleep.compute(program({MONITOR: 0.5, SLEEP: 0.25, IDLE: 0.25}).recording())
    (kind,) = found.values()
    assert kind.line == pytest.approx(0.5, abs=0.02) and kind.work == pytest.approx(0.25, abs=0.02)


def collecting(gc: float, stopped: float) -> Builder:
    built = program(*[{SLEEP: 1.0}] * 4, cores=1.2)
    process = Entity("process", "app", 0, built.pid, 0, "java")
    built.counter("jvm.gc_s", process, gc)
    built.counter("jvm.stopped_s", process, stopped)
    return built


def test_collections_that_stop_all_threads() -> None:
    found = verdict("gc_pauses", collecting(0.5, 0.4))
    assert isinstance(found, Found)
    assert "spends 40% of its time on collecting garbage" in found.faults[0].sentence


@pytest.mark.parametrize(("gc", "stopped"), [(0.1, 0.1), (0.9, 0.05), (0.05, 0.6)])
def test_collections_that_stop_hardly_anybody(gc: float, stopped: float) -> None:
    """Few; a collector beside the program; stops for another reason, as for thread dumps."""
    assert isinstance(verdict("gc_pauses", collecting(gc, stopped)), Clear)


def compiled(*, cores: float = 0.99, idle: float = 0.9, share: dict[str, float], refused: bool = False) -> Builder:
    """A thread for each of eight connections, as recorded of a server in Rust that computes within a Mutex."""
    each = Thread(cores / 8, 0.01, {"running": cores / 8 + 0.01, **share})
    accepts = Thread(0.0, 0.0, {"idle_accept": 1.0}, "idle_accept")
    built = Builder().service("app", Proc(cores=cores, threads=[accepts, *[each] * 8]))
    built.load(1727, growth=1.01, users=8).generator(in_flight=8).host(idle=idle)
    built.edge("generator", "app", outstanding=8)
    if refused:
        built.events.append(Event(30.0, "note", "app", 0, 0, {"text": "not permitted", "subject": "stacks"}))
    return built


@pytest.mark.parametrize("program", ["/usr/bin/ruby3.1 app.rb 8000", "puma 6.4.2 (tcp://127.0.0.1:8000) [shop]"])
def test_rubys_own_lock_is_told_by_the_name_of_the_program(program: str) -> None:
    built = compiled(share={"futex": 0.76})
    named = {"app": program}
    for metric, all_of_it in built.series.items():
        if metric.startswith("process."):
            built.series[metric] = [
                replace(each, entity=replace(each.entity, name=named.get(each.entity.service, each.entity.name)))
                for each in all_of_it
            ]
    found = verdict("gil_contention", built)
    assert isinstance(found, Found) and "Ruby's interpreter lock" in found.faults[0].sentence
    assert isinstance(verdict("lock_contention", built), Clear)


def test_a_lock_in_a_program_nobody_can_read() -> None:
    built = compiled(share={"futex": 0.86})
    found = verdict("lock_contention", built)
    assert isinstance(found, Found) and found.faults[0].where is None
    assert isinstance(verdict("gil_contention", built), Clear)
    assert kinds(built)[0] == "lock_contention"


@pytest.mark.parametrize(
    ("built", "why"),
    [
        (compiled(share={"futex": 0.86}, refused=True), "it may be Python, whose lock is another's"),
        (compiled(share={"futex": 0.86}, idle=0.1), "no core is idle: they wait for one"),
        (compiled(share={"futex": 0.86}, cores=1.6), "they use more than a core"),
        (compiled(share={"socket_wait": 0.86}), "they wait for somebody else"),
    ],
    ids=["refused", "no idle core", "two cores", "elsewhere"],
)
def test_no_lock_in_it(built: Builder, why: str) -> None:
    assert not isinstance(verdict("lock_contention", built), Found), why
