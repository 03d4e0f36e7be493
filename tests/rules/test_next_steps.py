"""What is advised fits who is full, who waits for whom, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Event, Frame, Stacks
from loadlab.rules import Clear, Fault, Found
from loadlab.rules._words import whom
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, Thread, loop
from tests.databases import Pg, behind_app

FULL = Thread(0.94, 0.0, {"running": 0.95, "socket_wait": 0.05})
"""It takes no requests: what it works on comes through a pipe, or from a list."""

MOVE = "UPDATE account SET balance = balance + $1 WHERE id = $2"


def fault(kind: str, built: Builder) -> Fault:
    found = ask(units("rules")[kind], Signals(built.recording()))
    assert isinstance(found, Found), found
    return found.faults[0]


def test_of_a_pool_of_one_process_more_may_work() -> None:
    """An event loop that hands what is heavy to a ProcessPoolExecutor(1)."""
    built = Builder().service("app", Proc(cores=0.16, busy=0.2), Proc(cores=0.95, threads=[FULL]))
    remedy = fault("single_core", built.load().generator().host()).remedy
    assert "max_workers" in remedy and "uvicorn" not in remedy


@pytest.mark.parametrize(("held", "advice"), [(5, "Call authenticate() in a thread"), (600, "make authenticate()")])
def test_native_code_on_a_loop_may_go_to_threads(held: int, advice: str) -> None:
    """As recorded of bcrypt in an async def: of 293 samples of the loop's thread five held the interpreter."""
    built = Builder().service("app", Proc(cores=0.99, busy=1.0)).load(25)
    line = ("authenticate", "/srv/app/main.py", 18)
    built.stack("app", "all", (*line, 293)).stack("app", "gil", (*line, held))
    assert advice in fault("single_core", built.generator().host()).remedy


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [(0.98, 0.2, True), (0.98, 0.01, False), (0.2, 0.98, False)],
    ids=["those it made wait for it", "they do nothing", "one of those it made is full"],
)
def test_more_workers_are_no_help_to_the_process_they_all_ask(first: float, second: float, asked: bool) -> None:
    """A primary of node:cluster that keeps what its workers share, and computes for them."""
    made = [Proc(cores=second)] * 2 if first > second else [Proc(cores=second), Proc(cores=0.1)]
    built = Builder().service("app", Proc(cores=first), *made).load(growth=1.0).generator().host()
    pid = min(each.entity.pid for each in built.series["process.cpu_user_s"])
    built.events.append(Event(0.0, "started", "app", 0, pid))
    found = fault("single_core", built)
    remedy = found.remedy
    assert ("Let the processes that it made" in remedy, "worker per core" in remedy) == (asked, not asked)
    assert any(each.says == f"it is process {pid}, which made the others" for each in found.evidence) == asked


@pytest.mark.parametrize(
    ("read", "named"),
    [((1,), False), ((0, 1), True), ((), False)],
    ids=["only one that has time left", "the full one as well", "none"],
)
def test_a_line_of_another_process_is_not_where_the_full_one_computes(read: tuple[int, ...], named: bool) -> None:
    """As recorded of a primary of node:cluster, whose inspector stays closed; its workers write answers at a line."""
    built = Builder().service("app", Proc(cores=0.98), Proc(cores=0.1)).load(growth=1.0).generator().host()
    pids = sorted(each.entity.pid for each in built.series["process.cpu_user_s"] if each.entity.service == "app")
    frames = (Frame("answer", "/srv/app/main.js", 22),)
    built.stacks += [Stacks("app", 0, pids[each], "cpu", (("main", frames, 60),)) for each in read]
    found = fault("single_core", built)
    assert (found.where is not None) == named
    assert ("answer()" in found.sentence) == named
    assert any("its own stacks were not read" in each.says for each in found.evidence) == (read == (1,))


def queued(consumers: int = 1) -> Builder:
    """The front waits in BLPOP for what a consumer of a Redis list puts there."""
    built = Builder().service("front", Proc(cores=0.15, busy=0.15)).service("store", Proc(cores=0.02), unit="redis")
    names = [f"crunch{each or ''}" for each in range(consumers)]
    for name in names:
        built.service(name, Proc(cores=0.95, threads=[FULL]), role="worker").edge(name, "store", outstanding=1.0)
    built.target = "front"
    for metric in ("hits", "misses"):
        built.counter(f"redis.{metric}", Entity("server", "store"), 0.0)
    built.gauge("redis.blocked_clients", Entity("server", "store"), 7.7)
    built.edge("generator", "front", outstanding=8).edge("front", "store", outstanding=7.8)
    return built.load(100, users=8).generator(in_flight=8).host()


def test_a_consumer_of_a_queue_is_no_server() -> None:
    remedy = fault("single_core", queued()).remedy
    assert "Run one crunch per core" in remedy and "uvicorn" not in remedy


def test_who_stands_in_a_store_for_an_answer_waits_for_whom_puts_it_there() -> None:
    assert isinstance(ask(units("rules")["slow_downstream"], Signals(queued().recording())), Clear)
    idle = queued()
    for each, series in enumerate(idle.series["process.cpu_user_s"]):
        idle.series["process.cpu_user_s"][each] = replace(series, v=series.v * 0.05)
    for metric in ("threads.cpu_s", "threads.running"):
        idle.series[metric] = [
            replace(one, v=one.v * 0.05) if one.entity.service == "crunch" else one for one in idle.series[metric]
        ]
    found = fault("slow_downstream", idle)
    assert (found.service, "front spends its time waiting for crunch" in found.sentence) == ("crunch", True)


def behind(*, cores: float = 0.07, waiting: float = 8.0, alone_ms: float = 10.0) -> Builder:
    """Recorded of Go, Rust and an Erlang process that all requests pass: 100 a second, 10 ms each when alone."""
    built = Builder().service("clerk", Proc(cores=0.01, busy=0.02)).service("ledger", Proc(cores=cores, busy=0.05))
    built.target = "clerk"
    built.load(100, growth=1.0).generator().host(idle=1.8)
    built.histograms = Fixed(p50_ms=alone_ms / 1.1)
    return built.edge("generator", "clerk", outstanding=waiting).edge("clerk", "ledger", outstanding=waiting)


@pytest.mark.parametrize(
    ("built", "says"),
    [
        (behind(), ", which serves no more than one at a time"),
        (behind(alone_ms=39.0), ", which serves no more than about 4 at a time"),
        (behind(alone_ms=70.0), ""),
        (behind(cores=0.8), ""),
    ],
    ids=["one", "four", "hardly anybody waits for another", "they compute"],
)
def test_how_many_the_last_service_serves_at_a_time(built: Builder, says: str) -> None:
    found = fault("slow_downstream", built)
    assert found.sentence == f"clerk spends its time waiting for ledger{says}"
    assert found.remedy.startswith("Look in ledger for what lets so few through") == bool(says)
    assert diagnose(built.recording()).sentence == found.sentence + "."


@pytest.mark.parametrize(
    ("own", "alone_ms", "asks"),
    [(0.95, 10.0, "clerk for what it does between two questions"), (0.95, 19.5, "ledger"), (0.2, 10.0, "ledger")],
    ids=["recorded of a row in MariaDB", "many at a time may do that", "hardly anybody is there"],
)
def test_what_is_kept_for_one_while_it_is_elsewhere(own: float, alone_ms: float, asks: str) -> None:
    """A transaction changes a row, and asks a bank before it commits: one request is in the caller, seven wait."""
    built = behind(alone_ms=alone_ms)
    for series in built.series["edges.outstanding"]:
        if series.entity.service == "clerk":
            series.v[:] = 8.0 - own
    assert fault("slow_downstream", built).remedy.startswith(f"Look in {asks}")


@pytest.mark.parametrize(
    ("at_bank", "alone_ms", "asks"),
    [(0.9, 10.0, "clerk for where it asks bank while it keeps the others out of ledger"), (0.2, 10.0, "ledger"),
     (0.9, 19.5, "ledger")],
    ids=["recorded of a row in PostgreSQL", "hardly anybody is there", "many at a time may ask"],
)  # fmt: skip
def test_what_is_kept_for_one_while_it_asks_somebody_else(at_bank: float, alone_ms: float, asks: str) -> None:
    built = behind(alone_ms=alone_ms).service("bank", Proc(cores=0.02, busy=0.03))
    for series in built.series["edges.outstanding"]:
        if series.entity.service == "clerk":
            series.v[:] = 8.0 - at_bank
    built.edge("clerk", "bank", outstanding=at_bank)
    found = fault("slow_downstream", built)
    assert found.remedy.startswith(f"Look in {asks}")
    assert found.sentence.endswith("has its turn and asks bank meanwhile") == ("bank" in asks)


def test_of_several_who_could_have_put_it_there_none_is_named() -> None:
    assert fault("slow_downstream", queued(consumers=2)).service == "store"


@pytest.mark.parametrize(("circles", "step"), [(1.3, "same_order"), (0.02, "shorter_transactions")])
def test_those_who_wait_in_a_circle_are_told_to_keep_an_order(circles: float, step: str) -> None:
    """Transfers between twelve accounts, in the order in which they are asked for; recorded 1.3 times a second."""
    sessions = {"connections": 16, "active": 14.0, "lock": 14.0}
    pg = Pg(sessions, {MOVE: (40, 13.5, 1, 5)}, locks={(MOVE, "transactionid", "active", MOVE): 12.0}, cores=0.03)
    built = behind_app(pg, waiting=14, app=Proc(cores=0.05, busy=0.05))
    built.counter("postgres.deadlocks", Entity("server", "db", 0), circles)
    first = diagnose(built.recording()).bottleneck
    assert first is not None and (first.kind, first.remedy.step) == ("row_lock", step)
    assert ("in a circle" in first.sentence) == (step == "same_order")


@pytest.mark.parametrize(
    ("held", "out", "named"),
    [(1.4, 1.3, True), (0.2, 1.3, False), (1.4, 0.3, False)],
    ids=["recorded of Django", "hardly any is open", "hardly anybody asks"],
)
def test_what_a_transaction_asks_while_others_wait_for_its_locks_comes_out_of_it(
    held: float, out: float, named: bool
) -> None:
    """The numbers of invoices have no gaps: a row is locked, and a service is asked for the tax before the commit."""
    sessions = {"connections": 12, "active": 6.2, "lock": 6.1, "on_cpu": 0.1, "idle_in_transaction": held}
    locks = {(MOVE, "tuple", "idle in transaction", MOVE): 5.0}
    pg = Pg(sessions, {MOVE: (60, 6.0, 1, 5)}, locks=locks, cores=0.07)
    built = behind_app(pg, waiting=14, app=Proc(cores=0.4, busy=0.45)).service("tax", Proc(cores=0.05, busy=0.07))
    diagnosis = diagnose(built.edge("app", "tax", outstanding=out, connections=12).recording())
    first = diagnosis.bottleneck
    assert first is not None and first.kind == "row_lock"
    assert ("locks, held while tax is asked: " in first.sentence) == named
    assert first.remedy.text.startswith("Ask tax before or after the transaction") == named
    assert "slow_downstream" not in [each.kind for each in diagnosis.others], "the same once more"


@pytest.mark.parametrize(("calls", "named"), [(1700, True), (400, False)], ids=["as often", "twice for each request"])
def test_what_else_is_asked_for_each_row_is_told(calls: float, named: bool) -> None:
    """Recorded of Django REST framework: of each product its rating, its pictures and its category."""
    asked = {"SELECT avg(stars) FROM review": (1800, 1.0, 1, 4), "SELECT url FROM picture": (calls, 0.7, 1, 4)}
    pg = Pg({"connections": 8, "active": 6.5, "on_cpu": 3}, asked, cores=0.6)
    says = [each.says for each in fault("n_plus_one", behind_app(pg, waiting=10)).evidence]
    assert ("1 more statement as small, asked as often, such as: SELECT url FROM picture" in says) == named


HANDLER = "/usr/lib/python3.11/logging/__init__.py"


@pytest.mark.parametrize(("file", "advice"), [(HANDLER, "QueueHandler"), ("/srv/app/store.py", "shared data")])
def test_behind_a_handler_of_logging_nobody_can_hold_the_lock_for_less(file: str, advice: str) -> None:
    """Recorded of logging.handlers.HTTPHandler in 24 threads, of which 8 requests need 8: the rest sleep in a futex,
    too, and are in no line."""
    line = [Thread(0.01, 0.0, {"futex": 0.95, "socket_wait": 0.04}, early_idle="futex") for _ in range(16)]
    built = Builder().service("app", Proc(cores=0.17, threads=[loop(0.05, idle=0.9), *line]))
    built.load(68, users=8).generator(in_flight=8).host().edge("generator", "app", outstanding=8)
    acquire = (Frame("checkout", "/srv/app/wsgi.py", 25), Frame("Handler.acquire", file, 927))
    inside = (Frame("checkout", "/srv/app/wsgi.py", 25), Frame("readinto", "/usr/lib/python3.11/socket.py", 706))
    idle = (Frame("_worker", "/usr/lib/python3.11/concurrent/futures/thread.py", 81),)
    samples = [(f"t{each}", acquire if each < 7 else inside if each == 7 else idle, 100) for each in range(16)]
    built.stacks.append(Stacks("app", 0, built.pid - 10, "all", tuple(samples)))
    found = fault("lock_contention", built)
    assert advice in found.remedy and ("logging handler" in found.sentence) == (advice == "QueueHandler")
    (standing,) = [each.value for each in found.evidence if each.metric == "queueing"]
    assert standing == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize(
    ("peer", "said"),
    [("partner/0", "partner"), ("file:/var/log/0", "/var/log/0"), ("pipe", "a pipe"), ("10.0.0.1:80", "10.0.0.1:80")],
)
def test_what_is_waited_for_is_called_as_its_owner_calls_it(peer: str, said: str) -> None:
    assert whom(peer) == said


@pytest.mark.parametrize(("role", "advice"), [("database", "Find the statements that cost most"), ("app", "profiler")])
def test_what_makes_a_database_cheaper_is_its_statements(role: str, advice: str) -> None:
    """Recorded of a MariaDB that scans a table for each request, started by a command of the user's."""
    busy = Proc(cores=1.5, run_delay=4.0)
    built = Builder().service("app", Proc(cores=0.3), uses=("nest",)).service("nest", busy, role=role)
    built.load().generator().host()
    assert advice in fault("all_cores", built).remedy
