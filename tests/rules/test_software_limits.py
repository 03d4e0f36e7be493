"""Rules on what no process shows as its own CPU: locks, pools of threads, pools of connections; with their
look-alikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, Thread

AT_LOCK = ("sell", "/srv/app/hall.py", 23, 690)
"""Of a hundred looks at eight threads."""
IN_CALL = ("fetch", "/srv/app/post.py", 39, 95)


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def loop(busy: float = 0.1) -> Thread:
    return Thread(busy * 0.8, 0.0, {"running": busy, "idle_epoll": 1 - busy}, "idle_epoll")


def workers(count: int, **share: float) -> list[Thread]:
    return [Thread(0.01, 0.0, dict(share), early_idle="futex") for _ in range(count)]


def app(
    *threads: Thread, inside: float = 8, rps: float = 200, noise: float = 0.0, cores: float = 0.12, out: float = 0.0,
    connections: float = 0.0, behind: Proc | None = None,
) -> Builder:  # fmt: skip
    """A process with these threads and as many requests inside; one user alone takes 5.5 ms, so that 200 requests/s are
    1.1 at a time. out: requests outstanding at a service behind it."""
    built = Builder(noise=noise).service("app", Proc(cores=cores, threads=list(threads)), uses=("rail",))
    built.service("rail", behind or Proc(cores=0.05, busy=0.08))
    built.load(rps, growth=1.02, users=int(inside)).generator(in_flight=inside).host()
    built.edge("generator", "app", outstanding=inside)
    if connections:
        built.edge("app", "rail", outstanding=out, connections=connections)
    return built


def stood(built: Builder, *lines: tuple[str, str, int, int]) -> Builder:
    """With stacks of its threads."""
    pid = next(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app")
    idle = Frame("select", "/usr/lib/python3.11/selectors.py", 468)
    samples = [("loop", (idle,), 100)]
    samples += [
        (f"worker {number}", (Frame(function, file, line),), count // 8)
        for function, file, line, count in lines
        for number in range(8)
    ]
    built.stacks.append(Stacks("app", 0, pid, "all", tuple(samples)))
    return built


def locked(**more: float) -> Builder:
    line = workers(8, futex=0.87, socket_wait=0.12)
    return stood(app(loop(), *line, **more), AT_LOCK, IN_CALL)  # type: ignore[arg-type]


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_threads_in_line_for_a_lock(noise: float) -> None:
    found = verdict("lock_contention", locked(noise=noise))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.service == "app" and fault.where is not None and fault.where.function == "sell"
    assert "one at a time holds a lock in sell() at hall.py:23" in fault.sentence
    first = diagnose(locked(noise=noise).recording()).bottleneck
    assert first is not None and (first.kind, first.grade) == ("lock_contention", "supported")


@pytest.mark.parametrize(("at_rail", "found"), [(1.0, True), (2.0, False)], ids=["one at a time", "two"])
def test_a_lock_that_only_some_requests_pass(*, at_rail: float, found: bool) -> None:
    """Recorded of two endpoints: one waits for a worker behind Redis, the other for a lock held over a call. Threads
    that have nothing to do sleep in a futex, too, in a process whose stacks do not tell which."""
    built = app(loop(), *workers(4, futex=0.95), *workers(4, socket_wait=0.97), out=at_rail, connections=1)
    built.service("store", Proc(cores=0.03, busy=0.09)).edge("app", "store", outstanding=3.0, connections=32)
    pid = next(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app")
    idle = Frame("select", "/usr/lib/python3.11/selectors.py", 468)
    samples = [("loop", (idle,), 100), *((f"worker {each}", (Frame(*AT_LOCK[:3]),), 95) for each in range(3))]
    built.stacks.append(Stacks("app", 0, pid, "all", tuple(samples)))
    answer = verdict("lock_contention", built)
    assert isinstance(answer, Found) == found
    if isinstance(answer, Found):
        (fault,) = answer.faults
        assert fault.evidence[0].says == "5 requests were in app at a time, beside 3 that other services had"
        assert fault.remedy.startswith("Take the call to rail out of the lock")


def test_a_lock_that_nobody_holds_half_of_the_time_is_no_limit() -> None:
    """Recorded of threads that count medals in bursts, and wait for the interpreter meanwhile."""
    line = workers(8, futex=0.94, socket_wait=0.06)
    built = stood(app(loop(0.02), *line, rps=800), AT_LOCK)
    assert isinstance(verdict("lock_contention", built), Clear)


@pytest.mark.parametrize(
    ("runs_per_s", "line"), [(None, True), (25.0, True), (400.0, True), (2.0, False), (0.0, False)]
)
def test_a_thread_that_nothing_wakes_stands_in_no_line(runs_per_s: float | None, line: bool) -> None:
    """A pool's, or a runtime's, in the same futex; one request in a hundred takes 100 ms."""
    threads = [Thread(0.01, 0.0, {"futex": 0.97}, runs_per_s=runs_per_s) for _ in range(8)]
    one = Thread(0.1, 0.0, {"socket_wait": 0.9}, runs_per_s=200.0)
    built = app(loop(0.3), one, *threads)
    built.histograms = Fixed(40.0, 100.0)
    told = Signals(built.recording()).workers.of("app")[0].queueing
    assert told == pytest.approx(8 * 0.97 if line else 0.0, abs=0.1)
    assert isinstance(verdict("lock_contention", built), Found) is line


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("connections", [0.0, 1.0])
def test_tasks_of_a_loop_in_line_for_a_lock(connections: float, noise: float) -> None:
    built = app(loop(), noise=noise, out=connections, connections=connections)
    found = verdict("lock_contention", built)
    assert isinstance(found, Found) and found.faults[0].where is None
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.kind == "lock_contention"


def holding(built: Builder, share: float) -> Builder:
    """Somebody holds the interpreter for that share of the time: it is looked for twice as often as at all threads."""
    pid = next(each.pid for each in built.stacks)
    frames = (Frame("write", "/srv/app/log.py", 9),)
    built.stacks.append(Stacks("app", 0, pid, "gil", (("worker 1", frames, round(200 * share)),)))
    return built


@pytest.mark.parametrize(("share", "kind"), [(0.25, Found), (0.9, Clear)])
def test_who_holds_a_lock_may_compute_outside_of_the_interpreter(share: float, kind: type[Verdict]) -> None:
    """A flush to the disk is most of a core of the kernel's; threads that stand in line do so for the application's
    lock, not for the interpreter's, unless that is held all of the time."""
    assert isinstance(verdict("lock_contention", holding(locked(cores=0.8), share)), kind)


@pytest.mark.parametrize(("line", "kind"), [(23, Clear), (40, Found)])
def test_bursts_of_work_wait_for_the_interpreter(line: int, kind: type[Verdict]) -> None:
    """Half of the time nobody computes, so the process is under a core; then all want to, at the line where they stand
    (23). Where they stand at another one, it is the lock."""
    built = locked(cores=0.55)
    pid = next(each.pid for each in built.stacks)
    samples = (("worker 1", (Frame("sell", "/srv/app/hall.py", line),), 110),)
    built.stacks.append(Stacks("app", 0, pid, "gil", samples))
    assert isinstance(verdict("lock_contention", built), kind)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_one_at_a_time_at_another_service_whatever_else_a_request_takes(noise: float) -> None:
    """Greenlets behind a lock: a lone request takes long for reasons of its own, so more are served than one at a time;
    but only ever one gets as far as the other service."""
    built = app(loop(), rps=430, out=1.0, connections=1, noise=noise)
    asked = built.series["edges.outstanding"][-1]
    asked.v[asked.t < 12] = np.arange(len(asked.v[asked.t < 12])) % 3 == 0  # of a lone request's time, a third
    assert isinstance(verdict("lock_contention", built), Found)


@pytest.mark.parametrize("pipe", ["pipe", "full pipe"])
@pytest.mark.parametrize(("share", "named"), [(0.07, True), (0.02, False)])
def test_what_the_holder_stands_in_is_named(share: float, named: bool, pipe: str) -> None:
    """Recorded of twelve threads that log into a pipe: each stands in it for 7% of its time, together 84%."""
    built = locked()
    threads = [each.entity for each in built.series["threads.samples"] if each.entity.service == "app"]
    for each in threads:
        wait = replace(each, kind="wait", name=pipe)
        built.counter("waits.samples", wait, 50.0 * share * 12 / len(threads))
    found = verdict("lock_contention", built)
    assert isinstance(found, Found)
    to = "a pipe" if pipe == "pipe" else "whoever reads the pipe that it writes to"
    assert named == any(f"stood in a call to {to}" in each.says for each in found.faults[0].evidence)
    advice = "Take the call to a pipe out of the lock" if pipe == "pipe" else "Let the reader of the pipe keep up"
    assert named == (advice in found.faults[0].remedy)


@pytest.mark.parametrize(
    ("out", "words"),
    [(1.0, "let through to rail, by a lock or by a single worker"), (0.0, "a limiter that spaces them")],
)
def test_one_at_a_time_for_nobody_else_may_be_a_limiter(out: float, words: str) -> None:
    """Coroutines that sleep until their turn are, from outside, like those behind a lock that is held over a pause."""
    found = verdict("lock_contention", app(loop(0.03), rps=185, out=out, connections=1))
    assert isinstance(found, Found) and words in found.faults[0].sentence


@pytest.mark.parametrize(("held", "kind"), [(0.0, Clear), (0.4, Found), (0.9, Clear)])
def test_what_the_kernel_keeps_back_of_an_answer_is_no_part_of_being_served(held: float, kind: type[Verdict]) -> None:
    """Recorded of greenlets behind a lock, whose server writes head and body apart: a lone user waits for a delayed
    acknowledgement as well, while the next could have the lock."""
    built = app(loop(), rps=430, out=0.0, connections=1)
    listener = Entity("listener", "app", 0, name="127.0.0.1:8000")
    built.gauge("sends.held", listener, 8 * held)
    built.gauge("sends.held_late", listener, 8 * held * 0.75)
    assert isinstance(verdict("lock_contention", built), kind)


def taking_turns(parked: float = 0.65) -> list[Thread]:
    """Three threads of Go's: one at a time is in epoll, the others are parked."""
    threads = [Thread(0.005, 0.0, {"idle_epoll": 1 - parked, "futex": parked}, "idle_epoll") for _ in range(2)]
    return [*threads, Thread(0.0, 0.0, {"futex": 1.0}, "idle_epoll")]


def test_one_thread_that_is_always_at_work_is_no_pool_where_others_work_as_well() -> None:
    """Recorded of 8 requests that wait for a row's lock in 16 threads: one is seen at it nearly always by chance."""
    others = [Thread(0.003, 0.0, {"socket_wait": 0.5, "futex": 0.48}, early_idle="futex") for _ in range(15)]
    one = Thread(0.003, 0.0, {"socket_wait": 0.88, "futex": 0.1}, early_idle="futex")
    assert isinstance(verdict("thread_pool_exhausted", app(loop(0.02), one, *others, cores=0.05)), Clear)


def test_threads_that_take_turns_at_epoll_have_time_left_though_parked() -> None:
    found = verdict("lock_contention", app(*taking_turns(), rps=100, out=1.0, connections=1, cores=0.02))
    assert isinstance(found, Found) and found.faults[0].service == "app"


def test_a_loop_that_waits_for_a_thread_is_not_parked() -> None:
    """Java's dispatcher waits for the answer that its client's loop, which has time, hands to it."""
    blocked = Thread(0.018, 0.0, {"running": 0.02, "futex": 0.98}, "idle_epoll")
    built = app(blocked, loop(0.02), rps=100, out=1.0, connections=1, cores=0.1)
    assert isinstance(verdict("lock_contention", built), Clear)
    assert isinstance(verdict("event_loop_blocked", built), Found)


def forked(count: int = 8, futex: float = 0.87, sleep: float = 0.12, inside: float = 8) -> Builder:
    """Processes of one thread each, which wait in accept between requests."""
    thread = Thread(0.002, 0.0, {"futex": futex, "sleep": sleep}, "idle_accept")
    built = Builder().service("app", *(Proc(cores=0.002, system=0.001, threads=[thread]) for _ in range(count)))
    built.load(82, growth=1.0, users=int(inside)).generator(in_flight=inside).host()
    return built.edge("generator", "app", outstanding=inside)


def test_processes_in_line_for_a_lock_they_share() -> None:
    found = verdict("lock_contention", forked())
    assert isinstance(found, Found)
    assert "8 requests were in app" in found.faults[0].evidence[0].says
    said = diagnose(forked().recording())
    assert said.bottleneck is not None and said.bottleneck.kind == "lock_contention"
    assert [each.kind for each in said.others] == [], "more workers would only stand in line, too"


def by_chance(built: Builder) -> Builder:
    """None, two, none, two under way at the other service."""
    entity = built.series["edges.outstanding"][-1].entity
    built.series["edges.outstanding"].pop()
    built.add("edges.outstanding", entity, [2.0 * (at % 2) for at in range(len(built.t))])
    return built


NO_SHARED_LOCK = [
    (forked(futex=0.02, sleep=0.97), "all of them stand in the slow call"),
    (forked(inside=2), "hardly anybody waits"),
    (forked(futex=0.5, sleep=0.48), "four at a time"),
]


@pytest.mark.parametrize(("built", "why"), NO_SHARED_LOCK, ids=[each[1] for each in NO_SHARED_LOCK])
def test_processes_without_a_shared_lock(built: Builder, why: str) -> None:
    assert isinstance(verdict("lock_contention", built), Clear), why


NO_LOCK = [
    (locked(cores=0.95), "they compute"),
    (locked(inside=2), "hardly anybody waits"),
    (stood(app(loop(), *workers(8, futex=0.5, socket_wait=0.5)), AT_LOCK, IN_CALL), "four at a time"),
    (app(loop(), out=7.5, connections=8), "they wait for another service"),
    (app(loop(0.98), cores=0.3), "the loop has no time left"),
    (app(loop(), rps=900), "five are served at a time"),
    (by_chance(app(loop(), rps=900, connections=8)), "one at a time elsewhere is the mean, not the rule"),
    (app(loop(0.98), cores=0.3, rps=900, out=1.0, connections=1), "one at a time, but the loop has no time left"),
]


@pytest.mark.parametrize(("built", "why"), NO_LOCK, ids=[each[1] for each in NO_LOCK])
def test_no_lock(built: Builder, why: str) -> None:
    assert isinstance(verdict("lock_contention", built), Clear), why


def pool(count: int = 4, inside: float = 8, busy: float = 0.1, cores: float = 0.15, **share: float) -> Builder:
    threads = workers(count, **(share or {"socket_wait": 0.95, "running": 0.03}))
    return stood(app(loop(busy), *threads, inside=inside, cores=cores, rps=600), IN_CALL)


@pytest.mark.parametrize("count", [1, 4, 40])
@pytest.mark.parametrize("stands", ["sleep", "socket_wait", "file_io"])
def test_a_pool_of_threads_that_all_stand(count: int, stands: str) -> None:
    found = verdict("thread_pool_exhausted", pool(count, inside=2 * count, **{stands: 0.97}))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.where is not None and fault.where.function == "fetch"
    crew = "the only thread of a pool in app is" if count == 1 else f"all {count} threads of a pool in app are"
    assert fault.sentence.startswith(f"{crew} taken, in fetch() at ")
    waiting = "1 request waits for it" if count == 1 else f"{count} requests wait for one"
    assert fault.sentence.endswith(f", and {waiting}")
    assert fault.evidence[0].says == ("1 thread" if count == 1 else f"{count} threads") + " at work all of the time"
    assert fault.evidence[2].says == f"{'it' if count == 1 else 'each'} stood in a call 97% of the time"
    assert fault.gain == 2.0


def test_a_pool_taken_by_what_goes_on_after_the_answers() -> None:
    """FastAPI's background tasks use the threads of its handlers: 40 slept, and eight requests had to wait."""
    found = verdict("thread_pool_exhausted", pool(40, inside=8, sleep=0.99))
    assert isinstance(found, Found)
    assert "all 40 threads of a pool in app are taken by work that no request waits for, in fetch()" in str(found)
    assert "and 8 requests wait for one" in found.faults[0].sentence
    unused = [Thread(0.0, 0.0, {"futex": 1.0}, runs_per_s=0.0)] * 4  # libuv's, below uvloop
    assert isinstance(verdict("thread_pool_exhausted", app(loop(), *workers(40, sleep=0.99), *unused)), Found)


def keeper() -> Thread:
    """One that looks after its own house, sleeping in between, as memcached's does."""
    return Thread(0.005, 0.0, {"sleep": 0.97, "running": 0.01})


NO_POOL = [
    (app(loop(0.1), keeper()), "nobody ever handed it work"),
    (pool(8, inside=8), "a thread for each request"),
    (app(loop(0.1), *workers(40, sleep=0.99), Thread(0, 0, {"futex": 1.0}), inside=8), "a thread is free"),
    (app(loop(0.1), *workers(40, sleep=0.99), inside=8, out=7.5, connections=8), "the requests are elsewhere"),
    (pool(3, inside=2, sleep=0.99), "a few helpers with work of their own"),
    (pool(busy=0.97), "the loop has no time left"),
    (pool(cores=0.9), "they compute"),
    (pool(futex=0.5, socket_wait=0.5), "half of the time they wait for work"),
    (pool(4, inside=8, running=0.9), "they want the CPU"),
    (locked(), "they stand in line for a lock"),
]


@pytest.mark.parametrize(("built", "why"), NO_POOL, ids=[each[1] for each in NO_POOL])
def test_no_pool_of_threads_is_taken(built: Builder, why: str) -> None:
    assert isinstance(verdict("thread_pool_exhausted", built), Clear), why


def client(inside: float = 16, connections: float = 5, out: float = 4.6, rps: float = 900, **more: Proc) -> Builder:
    return app(loop(), inside=inside, connections=connections, out=out, rps=rps, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("connections", "out", "rps"), [(5, 4.6, 900), (2, 1.8, 400), (10, 9.0, 1600)])
def test_a_loop_whose_client_has_few_connections(connections: float, out: float, rps: float) -> None:
    found = verdict("connection_pool_exhausted", client(connections=connections, out=out, rps=rps))
    assert isinstance(found, Found)
    assert f"all {connections} connections from app to rail are taken" in found.faults[0].sentence
    first = diagnose(client().recording()).bottleneck
    assert first is not None and first.kind == "connection_pool_exhausted"


def test_a_client_with_few_connections_in_threads_that_take_turns() -> None:
    """Recorded of Go's MaxConnsPerHost: its threads were in epoll a third of the time and else parked."""
    built = app(*taking_turns(), inside=16, connections=5, out=4.6, rps=900, cores=0.04)
    assert isinstance(verdict("connection_pool_exhausted", built), Found)
    assert all(each.busy < 0.05 for each in Signals(built.recording()).stations.of("app"))


@pytest.mark.parametrize(("early", "kind", "also"), [(4 * 54, Found, Clear), (17 * 54, Clear, Found)])
def test_a_lock_in_a_store_that_is_polled_for(early: float, kind: type[Verdict], also: type[Verdict]) -> None:
    """Recorded of redis-py's Lock: 17 questions for each request with eight users, 4 with one; the first level has 54
    requests/s. A page of 17 parts asks as often with one."""
    built = app(loop(0.1), rps=180, out=6.7, connections=8)
    built.services["rail"] = replace(built.services["rail"], role="cache")
    edge = Entity("edge", "app", 0, name="rail")
    for way in ("out", "in"):
        built.counter(f"edges.segments_{way}", edge, 17 * 180, before=early)
    assert isinstance(verdict("lock_contention", built), kind)
    assert isinstance(verdict("chatty_downstream", built), also)
    assert isinstance(verdict("rate_limited", built), Clear)


def test_who_asks_for_a_result_that_others_work_on_waits_for_no_lock() -> None:
    """Recorded of RQ's get_status(): seven of eight requests stand in its queue."""
    built = app(loop(0.1), rps=180, out=6.7, connections=8)
    built.services["rail"] = replace(built.services["rail"], role="cache")
    for way in ("out", "in"):
        built.counter(f"edges.segments_{way}", Entity("edge", "app", 0, name="rail"), 17 * 180, before=4 * 54)
    built.add("queues.waiting", Entity("queue", "rail", name="exports"), 7.0 * (built.t >= 20.0))
    assert isinstance(verdict("lock_contention", built), Clear)
    assert isinstance(verdict("queue_backlog", built), Found)


NO_CLIENT = [
    (client(connections=16, out=15.5), "a connection for each request"),
    (client(out=2.0), "most connections are idle"),
    (client(behind=Proc(cores=0.95, busy=0.98)), "the other service has no time left"),
    (app(loop(0.9), inside=16, connections=5, out=4.6, rps=900), "it has no time left itself"),
    (client(rps=3000), "more are served at a time than there are connections"),
]


@pytest.mark.parametrize(("built", "why"), NO_CLIENT, ids=[each[1] for each in NO_CLIENT])
def test_no_pool_of_connections_is_taken(built: Builder, why: str) -> None:
    assert isinstance(verdict("connection_pool_exhausted", built), Clear), why
