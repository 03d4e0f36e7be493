"""Rules on files and disks: locks on files, waits for the disk; and what the collector of garbage takes. With their
look-alikes."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import COLLECTOR, COMPILED, NATIVE, Entity, Frame, Stacks
from loadlab.rules import Clear, Found, Unknown, Verdict
from loadlab.signals import Signals
from loadlab.signals.file_locks import NAP
from tests.build import Builder, Fixed, Proc, Thread, loop
from tests.databases import Pg, behind_app

BOOKS = "/data/books.db"
LOOKS_PER_S, SAMPLES_PER_S = 25.0, 50.0


def verdict(kind: str, built: Builder) -> Verdict:
    return ask(units("rules")[kind], Signals(built.recording()))


def kinds(built: Builder) -> list[str]:
    """What is found, the bottleneck first."""
    found = diagnose(built.recording())
    return [each.kind for each in (found.bottleneck, *found.others) if each is not None]


def worker(cores: float = 0.02, **share: float) -> Proc:
    """A process that takes a request at a time, from accept."""
    return Proc(cores=cores, threads=[Thread(cores, 0.0, {"running": cores, **share}, "idle_accept")])


def pooled(count: int, cores: float = 0.1, **share: float) -> Proc:
    """An event loop that hands its requests to threads."""
    return Proc(cores=cores, threads=[loop(0.05, idle=0.95), *(Thread(0.01, 0.0, dict(share)) for _ in range(count))])


def app(
    *processes: Proc, inside: float = 16, noise: float = 0.0, waits_for: str = "", psi: float | None = None
) -> Builder:
    """waits_for: the peer of every thread that stands at a file, a lock on one, or in a nap."""
    built = Builder(noise=noise).service("app", *processes)
    built.load(200, users=max(1, int(inside))).generator(in_flight=inside).host(idle=1.2)
    built.edge("generator", "app", outstanding=inside)
    if psi is not None:
        built.counter("host.psi_io_some_s", Entity("host"), psi)
    for state in ("file_io", "lock_file", "sleep"):
        for each in built.series[f"threads.{state}"]:
            entity = each.entity
            share = (each.v[-1] - each.v[-2]) / 0.5 / SAMPLES_PER_S
            if share > 0 and waits_for and entity.service == "app":
                of = Entity("wait", "app", entity.instance, entity.pid, entity.tid, waits_for)
                built.counter("waits.samples", of, share * SAMPLES_PER_S)
    return built


def locks(
    built: Builder, *held: float, path: str = BOOKS, taken: float = 5.0, waited: float = 0.0, sqlite: bool = False
) -> Builder:
    """What the lock table said of the app's processes: share held by each, turns a second, threads in line of each."""
    pids = [each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app"]
    for pid, share in zip(pids, held, strict=False):
        entity = Entity("file", "app", 0, pid, 0, path)
        built.counter("file_locks.looks", entity, LOOKS_PER_S, before=LOOKS_PER_S)
        built.counter("file_locks.held", entity, LOOKS_PER_S * share)
        built.counter("file_locks.taken", entity, taken)
        built.counter("file_locks.waited", entity, LOOKS_PER_S * waited)
        built.gauge("file_locks.sqlite", entity, float(sqlite))
    return built


def stood(built: Builder, function: str, line: int) -> Builder:
    return built.stack("app", "all", (function, "/srv/app/books.py", line, 200))


def in_line(workers: int = 4, noise: float = 0.0) -> Builder:
    """All but one wait in flock for the one that asks somebody else meanwhile."""
    share = (workers - 1) / workers
    each = worker(lock_file=0.97 * share, socket_wait=0.97 * (1 - share))
    built = app(*[each] * workers, noise=noise, waits_for=f"file:{BOOKS}")
    return stood(locks(built, *[0.97 / workers] * workers, waited=0.97 * share), "next", 23)


def asking(held: float = 0.9, noise: float = 0.0, taken: float = 4.0) -> Builder:
    """Eight threads in two processes, napping until SQLite lets them write."""
    each = pooled(4, sleep=0.8, socket_wait=0.15)
    built = app(each, each, noise=noise, waits_for=NAP)
    return stood(locks(built, held / 2, held / 2, sqlite=True, taken=taken), "sell", 57)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("workers", [2, 4, 16])
def test_workers_in_line_for_a_lock_on_a_file(workers: int, noise: float) -> None:
    built = in_line(workers, noise)
    found = verdict("file_lock", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert "app waits for the lock on books.db in next() at books.py:23" in fault.sentence
    assert fault.signals == 2 and f"one of {workers} processes" in fault.evidence[1].says
    # All workers are taken, too, and stand in a call: but more of them would only make the line longer.
    assert isinstance(verdict("worker_pool_exhausted", built), Found)
    assert kinds(built)[0] == "file_lock" and "worker_pool_exhausted" not in kinds(built)


@pytest.mark.parametrize(("at_once", "named"), [(1.0, True), (2.0, False)], ids=["one at a time", "two at a time"])
def test_whoever_holds_the_lock_asks_another_service_meanwhile(at_once: float, named: bool) -> None:
    """Recorded of PHP-FPM: a session's file stays locked while a page asks for its offers."""
    built = in_line().service("offers", Proc(cores=0.01)).edge("app", "offers", outstanding=0.9)
    for series in built.series["edges.outstanding"]:
        if series.entity.name == "offers":
            series.v[:] = np.where(np.arange(len(series.v)) % 10 < 9 / at_once, at_once, 0)
    found = verdict("file_lock", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.remedy.startswith("Ask offers before the lock is taken, or after it is given back") == named
    assert any("never two at once" in each.says for each in fault.evidence) == named


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
def test_threads_that_ask_sqlite_again_and_again(noise: float) -> None:
    built = asking(noise=noise)
    found = verdict("file_lock", built)
    assert isinstance(found, Found)
    assert "asking SQLite for it again and again" in found.faults[0].evidence[0].says
    assert kinds(built)[0] == "file_lock"


def sleeping(held: float, taken: float = 4.0, threads: int = 4, processes: int = 2) -> Builder:
    """Recorded of threads that try SQLite's lock themselves, timeout=0, and sleep for a moment each time in vain."""
    built = app(*[pooled(threads, sleep=0.5, futex=0.45)] * processes)
    return stood(locks(built, *[held / processes] * processes, sqlite=True, taken=taken), "enter", 30)


@pytest.mark.parametrize(
    ("built", "kind"),
    [
        (sleeping(0.93), Found),
        (sleeping(0.6), Clear),
        (sleeping(0.93, taken=0.0), Clear),
        (sleeping(0.93, threads=2, processes=1), Clear),
    ],
    ids=["used up", "free most of the time", "held for good", "nobody but the holder is at work"],
)
def test_a_lock_that_is_used_up_however_others_wait(built: Builder, kind: type[Verdict]) -> None:
    found = verdict("file_lock", built)
    assert isinstance(found, kind)
    if isinstance(found, Found):
        assert found.faults[0].evidence[0].says.endswith("; 3.6 others slept or were at work meanwhile")


def test_waiters_of_a_lock_that_has_no_process_in_the_kernels_table() -> None:
    """Open file description locks: pid -1. Their waiters are seen as threads; who holds them is not."""
    built = app(*[worker(lock_file=0.7, socket_wait=0.27)] * 4, waits_for=f"file:{BOOKS}")
    found = verdict("file_lock", built)
    assert isinstance(found, Found) and found.faults[0].signals == 1


def test_an_event_loop_that_waits_in_flock() -> None:
    each = Proc(cores=0.05, threads=[loop(0.05, blocked={"lock_file": 0.7, "socket_wait": 0.22}, idle=0.03)])
    built = locks(app(*[each] * 4, waits_for=f"file:{BOOKS}"), *[0.24] * 4, waited=0.7)
    assert isinstance(verdict("event_loop_blocked", built), Found)
    assert kinds(built)[0] == "file_lock"


def slow_by_design() -> Builder:
    """Each request sleeps for 40 ms, alone as well, while something else writes."""
    built = locks(app(pooled(8, sleep=0.95)), 0.9, sqlite=True)
    built.histograms = Fixed(p50_ms=38)
    return built


NO_FILE_LOCK = [
    (locks(app(*[worker(socket_wait=0.97)] * 4), 1.0, taken=0.0), "one holds it for good, and nobody waits"),
    (locks(app(worker(lock_file=0.1, socket_wait=0.87), worker(lock_file=0.1, socket_wait=0.87),
               waits_for=f"file:{BOOKS}"), 0.2, 0.2, waited=0.1), "a tenth of the time"),
    (asking(held=0.2), "SQLite's lock is free most of the time: they sleep for another reason"),
    (asking(taken=0.0), "SQLite's lock is one process's for good"),
    (slow_by_design(), "asleep until a moment, as Python sleeps, and eight at a time"),
    (app(pooled(8, file_io=0.95), waits_for=f"file:{BOOKS}"), "they wait for the disk"),
]  # fmt: skip


@pytest.mark.parametrize(("built", "why"), NO_FILE_LOCK, ids=[each[1] for each in NO_FILE_LOCK])
def test_no_lock_on_a_file_is_waited_for(built: Builder, why: str) -> None:
    assert isinstance(verdict("file_lock", built), Clear), why


JOURNAL = "file:/data/day.journal"


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(
    "processes",
    [[worker(0.15, file_io=0.75)] * 3, [worker(0.1, file_io=0.88)], [pooled(8, file_io=0.9)]],
    ids=["three workers", "one worker", "a pool of threads"],
)
def test_threads_at_the_disk(processes: list[Proc], noise: float) -> None:
    built = stood(app(*processes, noise=noise, waits_for=JOURNAL, psi=0.9), "keep", 20)
    found = verdict("disk_io", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert "app waits for the disk in keep() at books.py:20" in fault.sentence
    assert any("/data/day.journal" in each.says for each in fault.evidence) and fault.signals == 2
    assert kinds(built)[0] == "disk_io"


def test_a_disk_that_answers_at_once_costs_as_much_time_in_waits_for_a_core() -> None:
    """Three workers that sync after each line of 10 bytes, as recorded on a disk that takes 0.3 ms: throughput was 421
    requests/s, and 1,507 with one sync for all."""
    seen = [(0.22, 0.30, 0.62, 0.35), (0.21, 0.32, 0.64, 0.35), (0.21, 0.32, 0.72, 0.26)]
    each = [
        Proc(cores=cores, threads=[Thread(cores, delay, {"running": running, "file_io": disk}, "idle_accept")])
        for cores, delay, running, disk in seen
    ]
    built = stood(app(*each, inside=8, waits_for=JOURNAL, psi=0.47), "keep", 21)
    assert isinstance(verdict("disk_io", built), Found)
    assert kinds(built)[0] == "disk_io"


def test_sleeps_too_short_for_a_look_count_by_the_kernels_clock() -> None:
    """Three threads of one process that sync each of dozens of lines, as recorded: looks saw each at the disk 28% of
    the time, and running 66%, of which it ran or wanted to run 41%. With one sync for all: 1,539 for 392 requests/s."""
    share = {"running": 0.663, "file_io": 0.285, "futex": 0.052}
    threads = [Thread(0.248, 0.161, share) for _ in range(3)]
    pool = Proc(cores=0.79, threads=[Thread(0.05, 0.05, {"idle_accept": 0.88}, "idle_accept"), *threads])
    built = stood(app(pool, inside=8, psi=0.56), "keep", 21)
    found = verdict("disk_io", built)
    assert isinstance(found, Found)
    assert "1.5 of" in found.faults[0].evidence[0].says
    assert kinds(built)[0] == "disk_io"


def test_a_kernel_without_pressure_stall_information_is_one_signal_less() -> None:
    found = verdict("disk_io", app(*[worker(file_io=0.9)] * 3, waits_for=JOURNAL))
    assert isinstance(found, Found) and found.faults[0].signals == 1


NO_DISK = [
    (app(*[worker(file_io=0.9)] * 3, waits_for="pipe", psi=0.9), "they read from a pipe"),
    (app(*[worker(file_io=0.9)] * 3, waits_for="file:/dev/pts/0"), "they write to a terminal"),
    (app(*[worker(0.6, file_io=0.35)] * 3, waits_for=JOURNAL), "they compute most of the time"),
    (app(*[worker(0.1, file_io=0.2)] * 4, waits_for=JOURNAL), "a fifth of the time"),
    (app(*[worker(lock_file=0.7, file_io=0.25)] * 4), "one is at the disk, the others wait for it"),
    (app(Proc(cores=0.1, threads=[loop(0.1, blocked={"file_io": 0.88})]), waits_for=JOURNAL), "a loop by itself"),
    (app(Proc(cores=0.3, threads=[loop(0.3, idle=0.7), Thread(0.02, 0.0, {"file_io": 0.95})]), waits_for=JOURNAL),
     "a thread in the background syncs all day"),
    (app(*[worker(file_io=0.9)] * 3, inside=0.1, waits_for=JOURNAL), "hardly anybody waits for an answer"),
]  # fmt: skip


@pytest.mark.parametrize(("built", "why"), NO_DISK, ids=[each[1] for each in NO_DISK])
def test_nobody_waits_for_a_disk(built: Builder, why: str) -> None:
    assert isinstance(verdict("disk_io", built), Clear), why


def test_one_loop_at_the_disk_is_a_blocked_loop() -> None:
    built = app(Proc(cores=0.1, threads=[loop(0.1, blocked={"file_io": 0.88})]), waits_for=JOURNAL)
    assert kinds(built)[0] == "event_loop_blocked"


READS = {"connections": 20.0, "active": 8.6, "on_cpu": 0.4, "io": 7.2}
COMMITS = {"connections": 20.0, "active": 8.6, "on_cpu": 0.4, "wal": 7.2}


@pytest.mark.parametrize(("sessions", "kind"), [(READS, "disk_io"), (COMMITS, "commit_fsync")])
def test_sessions_of_a_database_at_the_disk(sessions: dict[str, float], kind: str) -> None:
    """A session's process waits for its client in epoll, as a loop does, and is none."""
    built = behind_app(Pg(sessions=sessions, cores=0.02))
    for _ in range(8):
        built.process("db", Proc(cores=0.03, threads=[loop(0.03, blocked={"file_io": 0.87}, idle=0.05)]))
    built.host(idle=1.2)
    assert isinstance(verdict("disk_io", built), Found)
    assert kinds(built)[0] == kind
    assert ("disk_io" in kinds(built)) == (kind == "disk_io")


def node(share: float, *, cores: float = 0.97, mode: str = "cpu", noise: float = 0.0) -> Builder:
    """A full loop, `share` of whose samples lie within a collection that began in add()."""
    busy = Proc(cores=cores, threads=[loop(cores, idle=0.99 - cores)])
    built = Builder(noise=noise).service("app", busy).load(200).generator().host()
    add, serve = Frame("add", "/srv/app/tape.mjs", 14), Frame("serve", "/srv/app/server.mjs", 30)
    collected = round(1000 * share)
    samples = (
        ("main", (serve, add, Frame(COLLECTOR, "", 0)), collected),
        ("main", (serve,), 1000 - collected),
    )
    built.stacks.append(Stacks("app", 0, built.pid - 10, mode, samples))
    return built


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_full_loop_that_collects_garbage(share: float, noise: float) -> None:
    built = node(share, noise=noise)
    found = verdict("gc_pauses", built)
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.where is not None and (fault.where.function, fault.where.line) == ("add", 14)
    assert fault.gain == round(1 / (1 - share), 1)
    assert isinstance(verdict("single_core", built), Found)
    assert kinds(built) == ["gc_pauses"]


@pytest.mark.parametrize("inside", ["runtime.gcAssistAlloc", "runtime.gcBgMarkWorker"])
def test_gos_collector_has_functions_of_its_own(inside: str) -> None:
    """Below whoever allocates, and in goroutines of its own."""
    built = node(0.0)
    helped = inside == "runtime.gcAssistAlloc"
    go = Frame("runtime.goexit", f"{COMPILED}/opt/go/src/runtime/asm_amd64.s", 1)
    page, gc = Frame("main.page", "/srv/app/main.go", 31), Frame(inside, f"{COMPILED}/opt/go/src/runtime/mgc.go", 9)
    mark = Frame("runtime.scanobject", gc.file, 7)
    samples = (("app (9)", (go, page, gc, mark) if helped else (go, gc, mark), 300), ("app (9)", (go, page), 700))
    built.stacks = [Stacks("app", 0, built.stacks[0].pid, NATIVE, samples)]
    found = verdict("gc_pauses", built)
    assert isinstance(found, Found)
    where = found.faults[0].where
    assert (where is not None and where.line == 31) if helped else where is None


NO_GC = [
    (node(0.1), "a tenth: without it hardly more would be served"),
    (node(0.6, cores=0.4), "the loop has time left"),
]


@pytest.mark.parametrize(("built", "why"), NO_GC, ids=[each[1] for each in NO_GC])
def test_collections_that_limit_nothing(built: Builder, why: str) -> None:
    assert isinstance(verdict("gc_pauses", built), Clear), why


def test_of_python_it_cannot_be_told_and_that_is_said() -> None:
    found = verdict("gc_pauses", node(0.0, mode="gil"))
    assert isinstance(found, Unknown) and "Python does not say" in found.why
    assert isinstance(verdict("gc_pauses", node(0.0, cores=0.4, mode="gil")), Clear)
    assert kinds(node(0.0, mode="gil"))[0] == "single_core"
