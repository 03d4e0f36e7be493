"""Databases in a few numbers, and the verdict each must get, next to its look-alikes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Level, RequestInterval
from loadlab.rules import Clear, Found, Unknown
from loadlab.signals import Signals
from tests.build import Builder, Fixed, Proc, system
from tests.databases import Pg, add, behind_app

NOISE = (0.0, 0.1, 0.2)
BUSY = {"connections": 8.0, "active": 7.0, "on_cpu": 6.8}
BY_KEY = "SELECT * FROM t WHERE id = $1"
BY_OWNER = "SELECT * FROM t WHERE owner = $1"
SCANNED = Pg(
    BUSY,
    {BY_OWNER: (100, 6.0, 12, 900), BY_KEY: (100, 0.01, 1, 4)},
    {(BY_OWNER, "public.t", "(owner = $1)"): (12, False)},
    {"public.t": (100_000, 10_000_000)},
    cores=1.4,
)


def scans(noise: float) -> Builder:
    return behind_app(SCANNED, noise=noise)


def sorts_everything(noise: float) -> Builder:
    """The latest ten of all: no condition, but no index in that order."""
    text = "SELECT * FROM t ORDER BY sent DESC LIMIT $1"
    pg = replace(SCANNED, statements={text: (50, 6.0, 10, 900)}, scans={(text, "public.t", ""): (100_000, True)})
    return behind_app(pg, noise=noise)


LIKE = "SELECT id, name FROM contact WHERE upper(name) LIKE upper($1) ORDER BY id LIMIT $2"
WALKED = Pg(
    {"connections": 2, "active": 1.8, "on_cpu": 1.8},
    {LIKE: (55.8, 1.8, 2.4, 1251)},
    scans={(LIKE, "public.contact", "(upper(contact.name) ~~ upper($1))"): (600, True)},
    tables={"public.contact": (120_000, 1_560_000)},
    walked={"public.contact": 5_000_000},
    cores=1.75,
)
"""As recorded of Django's icontains with an ordinary index on the column: the planner goes through the primary key."""


def looks_for_a_pattern(noise: float) -> Builder:
    return behind_app(WALKED, waiting=8, noise=noise, rps=56)


def asks_for_each_row(noise: float) -> Builder:
    pg = Pg({"connections": 8, "active": 6.5, "on_cpu": 3}, {BY_KEY: (6000, 1.0, 1, 4)}, cores=0.6)
    return behind_app(pg, waiting=10, noise=noise, rps=200)


COUNT = "UPDATE t SET n = n + $1 WHERE id = $2"
LOCKED = Pg(
    {"connections": 16, "active": 14, "lock": 13, "on_cpu": 0.3, "idle_in_transaction": 1},
    {COUNT: (90, 13.5, 1, 5)},
    locks={(COUNT, "transactionid", "idle in transaction", COUNT): 12.0, (COUNT, "tuple", "active", COUNT): 1.0},
    cores=0.05,
)


def one_row(noise: float) -> Builder:
    return behind_app(LOCKED, waiting=14, noise=noise, app=Proc(cores=0.1, busy=0.15))


HELD = Pg(
    {"connections": 4, "active": 0.2, "on_cpu": 0.1, "idle_in_transaction": 3.7},
    {"INSERT INTO t VALUES ($1)": (90, 0.05, 1, 5)},
    cores=0.05,
)


def held_connections(noise: float) -> Builder:
    return behind_app(HELD, waiting=0.2, noise=noise, app=Proc(cores=0.1, busy=0.15))


def test_calls_that_wait_for_a_connection_to_the_database_are_no_second_pool() -> None:
    """Each of four transactions asks another service, over a connection that is kept: four are under way there, too."""
    built = held_connections(0.0)
    built.service("rail", Proc(cores=0.02, busy=0.05)).edge("app", "rail", outstanding=3.8, connections=4)
    built.histograms = Fixed(p50_ms=18.0)  # four at a time, at 200 requests/s
    found = ask(units("rules")["connection_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert [fault.sentence.split(" are ")[0] for fault in found.faults] == ["all 4 connections from app to db"]


def asleep_in_the_server(noise: float) -> Builder:
    """Each statement takes its time without a core, and there are but four connections for sixteen requests."""
    text = "SELECT * FROM far_away($1)"
    pg = Pg({"connections": 4, "active": 3.8}, {text: (80, 3.7, 1, 5)}, cores=0.05)
    return behind_app(pg, waiting=3.8, noise=noise, app=Proc(cores=0.1, busy=0.15))


READS = Pg(BUSY, {BY_KEY: (900, 5.0, 1, 40), COUNT: (20, 0.3, 1, 5)}, cores=1.5)


def well_planned_reads(noise: float) -> Builder:
    return behind_app(READS, noise=noise, app=Proc(cores=0.3, busy=0.35), rps=800)


FULL = Pg({"connections": 17, "active": 3, "on_cpu": 1}, {BY_KEY: (90, 0.1, 1, 4)}, limit=17, peak=17)


def full_server(noise: float) -> Builder:
    return behind_app(FULL, noise=noise, waiting=4, failed=20)


COMMITTING = {"connections": 8.0, "active": 6.0, "wal": 5.0, "on_cpu": 0.4}
LOGGED = Pg(COMMITTING, {COUNT: (3000, 5.5, 1, 5)}, commits=3000, cores=0.3)


def small_commits(noise: float) -> Builder:
    return behind_app(LOGGED, noise=noise, waiting=10)


SOME_READS = {BY_KEY: (50, 0.1, 1, 4)}


def small_commits_of_a_busy_application(noise: float) -> Builder:
    pg = replace(LOGGED, sessions=COMMITTING | {"connections": 10.0, "wal": 5.5})
    return behind_app(pg, noise=noise, waiting=7, app=Proc(cores=0.6, busy=0.65))


def small_commits_behind_a_small_pool(noise: float) -> Builder:
    """Ten connections, half of which wait for the log; twenty more requests are in line for one."""
    pg = replace(LOGGED, sessions=COMMITTING | {"connections": 10.0, "active": 5.5, "wal": 4.7})
    return behind_app(pg, noise=noise, waiting=7, inside=32, app=Proc(cores=0.6, busy=0.8))


WRITTEN = Pg({"connections": 8, "active": 5, "on_cpu": 4}, {COUNT: (300, 4.5, 1, 5)} | SOME_READS, cores=1.2)
QUIET = Pg({"connections": 8, "active": 0.2, "on_cpu": 0.2}, SOME_READS, cores=0.05)


def writes_only(noise: float) -> Builder:
    return behind_app(WRITTEN, QUIET, QUIET, noise=noise)


def writes_within_a_with(noise: float) -> Builder:
    text = "WITH placed AS (INSERT INTO a VALUES ($1)) INSERT INTO b SELECT $1"
    pg = replace(WRITTEN, statements={text: (300, 4.5, 1, 5)} | SOME_READS, wal={text: 900.0})
    return behind_app(pg, QUIET, QUIET, noise=noise)


def replica_behind(noise: float) -> Builder:
    late = replace(QUIET, lag=(4.0, 20e6), lag_growth=1e6)
    # Two under way at the database: they wait for no lock.
    return behind_app(QUIET, late, noise=noise, waiting=2, app=Proc(cores=0.1, busy=0.15))


def popular_names(noise: float, hot: float = 450.0) -> Builder:
    built = behind_app(replace(READS, statements={BY_KEY: (hot, 5.0, 1, 40)}, cores=0.8), noise=noise, cores=4)
    other = Pg({"connections": 8, "active": 0.3, "on_cpu": 0.3}, {BY_KEY: (500 - hot, 0.3, 1, 40)}, cores=0.1)
    built.edge("app", "other", outstanding=0.5, connections=8)
    return add(built, "other", other)


FOUND: list[tuple[Callable[[float], Builder], str, str]] = [
    (scans, "missing_index", "db"),
    (sorts_everything, "missing_index", "db"),
    (looks_for_a_pattern, "missing_index", "db"),
    (asks_for_each_row, "n_plus_one", "app"),
    (one_row, "row_lock", "db"),
    (held_connections, "connection_pool_exhausted", "app"),
    (asleep_in_the_server, "connection_pool_exhausted", "app"),
    (well_planned_reads, "database_cpu", "db"),
    (full_server, "database_connections", "db"),
    (small_commits, "commit_fsync", "db"),
    (small_commits_of_a_busy_application, "commit_fsync", "db"),
    (small_commits_behind_a_small_pool, "commit_fsync", "db"),
    (writes_only, "primary_writes", "db"),
    (writes_within_a_with, "primary_writes", "db"),
    (replica_behind, "replica_lag", "db"),
    (popular_names, "hot_shard", "db"),
]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(("build", "kind", "service"), FOUND, ids=[each[0].__name__ for each in FOUND])
def test_each_database_gets_its_verdict(
    build: Callable[[float], Builder], kind: str, service: str, noise: float
) -> None:
    diagnosis = diagnose(build(noise).recording())
    first = diagnosis.bottleneck
    assert first is not None, diagnosis
    assert (first.kind, first.service) == (kind, service), diagnosis


def verdict(kind: str, built: Builder) -> Found | Clear | Unknown:
    return ask(units("rules")[kind], Signals(built.recording()))


def test_advisory_locks_are_advised_of_as_what_they_are() -> None:
    """Recorded of eight sessions behind pg_advisory_xact_lock, whose holder asks another service."""
    take = "select pg_advisory_xact_lock($1)"
    locks = {(take, "advisory", "idle in transaction", BY_KEY): 6.9}
    sessions = {"connections": 8.0, "active": 6.9, "lock": 6.9, "idle_in_transaction": 1.0}
    found = verdict("row_lock", behind_app(Pg(sessions, {take: (80, 6.9, 1, 0)}, locks=locks), waiting=6.9))
    assert isinstance(found, Found)
    assert "wait for each other's advisory locks" in found.faults[0].sentence
    assert "give each thing a key" in found.faults[0].remedy


TOTAL = "SELECT sum(price) FROM t"
LOOK_ALIKES: list[tuple[str, Builder]] = [
    # Every row counts: an index would be read as well.
    (
        "missing_index",
        behind_app(
            replace(SCANNED, statements={TOTAL: (50, 6, 1, 900)}, scans={(TOTAL, "public.t", ""): (1e5, False)})
        ),
    ),
    # A small table is best read whole.
    ("missing_index", behind_app(replace(SCANNED, tables={"public.t": (200, 20_000)}))),
    # The condition holds for half of the rows.
    ("missing_index", behind_app(replace(SCANNED, scans={(BY_OWNER, "public.t", "(owner = $1)"): (50_000, False)}))),
    # In order through an index, but the first ten are soon found; what else is read so is another statement's.
    (
        "missing_index",
        behind_app(
            replace(
                WALKED,
                statements={LIKE: (55.8, 1.8, 10, 4), BY_KEY: (2000, 1.0, 30, 900)},
                tables={"public.contact": (120_000, 0)},
            )
        ),
    ),
    # It scans, but another statement takes the time.
    (
        "missing_index",
        behind_app(replace(SCANNED, statements=SCANNED.statements | {BY_KEY: (5000, 30.0, 1, 4)})),
    ),
    # It scans, but the application is what is full.
    (
        "missing_index",
        behind_app(
            replace(SCANNED, sessions={"connections": 8.0, "active": 0.4, "on_cpu": 0.4}, cores=0.1),
            waiting=0.4,
            app=Proc(cores=0.97, busy=0.99),
        ),
    ),
    # Two questions for each request.
    ("n_plus_one", behind_app(Pg(BUSY, {BY_KEY: (400, 6, 1, 4)}), rps=200)),
    # Many, but they are inserts of a batch.
    ("n_plus_one", behind_app(Pg(BUSY, {"INSERT INTO t VALUES ($1)": (6000, 6, 1, 4)}), rps=200)),
    # Many, but they cost neither side anything to speak of.
    (
        "n_plus_one",
        behind_app(Pg({"connections": 8, "active": 0.3, "on_cpu": 0.3}, {BY_KEY: (2000, 0.2, 1, 4)}), waiting=0.3),
    ),
    # Sessions compute; a lock is waited for now and then.
    ("row_lock", behind_app(Pg(BUSY | {"lock": 0.4}, {COUNT: (90, 6, 1, 5)}))),
    # As many connections as requests.
    ("connection_pool_exhausted", behind_app(replace(HELD, sessions=HELD.sessions | {"connections": 20.0}))),
    # All taken, but by statements that wait for locks: a bigger pool only lengthens the queue.
    ("connection_pool_exhausted", behind_app(replace(LOCKED, sessions=LOCKED.sessions | {"connections": 8.0}))),
    # All taken, but the server has no room.
    ("connection_pool_exhausted", behind_app(replace(READS, sessions=BUSY | {"connections": 7.0}))),
    # The reads that use up the cores want an index.
    ("database_cpu", behind_app(SCANNED)),
    # The database is busy, and half of the machine is idle.
    ("database_cpu", behind_app(READS, cores=4)),
    # The log is waited for by sessions that have no core to go on with.
    ("commit_fsync", behind_app(replace(LOGGED, cores=1.7))),
    # Computing, with a commit now and then.
    ("commit_fsync", behind_app(replace(LOGGED, sessions=BUSY | {"wal": 0.4}))),
    # Reads fill the primary; replicas could take them.
    ("primary_writes", behind_app(READS, QUIET)),
    # The replicas are as busy as the primary.
    ("primary_writes", behind_app(WRITTEN, WRITTEN)),
    # No replicas.
    ("primary_writes", behind_app(WRITTEN)),
    # Milliseconds.
    ("replica_lag", behind_app(QUIET, replace(QUIET, lag=(0.02, 2e5)))),
    # Much to apply, but it gets less.
    ("replica_lag", behind_app(QUIET, replace(QUIET, lag=(0.5, 60e6), lag_growth=-1e6))),
    ("hot_shard", popular_names(0.0, hot=260.0)),
    ("hot_shard", behind_app(READS)),
    # Full, and nobody minds.
    ("database_connections", behind_app(FULL)),
    # Requests fail, for another reason.
    ("database_connections", behind_app(replace(FULL, peak=9), failed=20)),
]


@pytest.mark.parametrize(("kind", "built"), LOOK_ALIKES, ids=[f"{at}-{each[0]}" for at, each in enumerate(LOOK_ALIKES)])
def test_look_alikes_are_cleared(kind: str, built: Builder) -> None:
    assert isinstance(verdict(kind, built), Clear)


def test_a_full_server_that_refuses_only_with_more_users() -> None:
    """As recorded: of two processes' connections enough fell to each with 20 users (0.9% failed), not with 40 (32%)."""
    built = behind_app(FULL)
    built.levels.append(Level(40, 39.0, 41.0, phase="more_users"))
    for at in (39.0, 40.0):
        built.requests.append(RequestInterval(at, at + 1, "GET /", "fail", 185, 900.0, 5, 9, 20, 30))
        built.requests.append(RequestInterval(at, at + 1, "GET /", "ok", 391, 9000.0, 5, 9, 20, 30))
    found = verdict("database_connections", built)
    assert isinstance(found, Found) and "of the requests failed" in found.faults[0].evidence[1].says


KINDS = sorted(name for name, rule in units("rules").items() if "databases" in rule.NEEDS)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_database_each_is_clear(kind: str) -> None:
    assert isinstance(verdict(kind, system(Proc(cores=0.9, busy=0.95))), Clear)


def test_a_database_that_is_full_itself_is_no_slow_downstream() -> None:
    assert isinstance(verdict("slow_downstream", scans(0.0)), Clear)
    assert isinstance(verdict("slow_downstream", small_commits(0.0)), Found)


def test_databases_of_two_services_are_no_shards() -> None:
    built = behind_app(READS)
    text = "SELECT * FROM elsewhere"
    add(built, "other", Pg({"connections": 8, "active": 0.3}, {text: (5, 0.3, 1, 40)}, cores=0.1))
    assert isinstance(verdict("hot_shard", built), Clear)


def test_a_cache_that_fills_is_no_leak_of_the_database() -> None:
    built = behind_app(READS).service("db", Proc(cores=0.5, rss=(100e6, 400e6)), role="database")
    assert isinstance(verdict("memory_leak", built), Clear)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_others_started_is_unknown(kind: str) -> None:
    built = system(Proc(cores=0.2, busy=0.3)).service("store", Proc(cores=0.5), role="database")
    answer = verdict(kind, built)
    assert isinstance(answer, Unknown) and "store was not started by loadlab" in answer.why


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_nobody_could_look_into_is_unknown(kind: str) -> None:
    built = behind_app(SCANNED)
    built.series = {name: each for name, each in built.series.items() if not name.startswith("postgres")}
    answer = verdict(kind, built)
    assert isinstance(answer, Unknown) and "db was not seen from within" in answer.why


@pytest.mark.parametrize(
    ("text", "condition", "says"),
    [
        (LIKE, "(upper(contact.name) ~~ upper($1))", "gin_trgm_ops"),
        (LIKE, "(contact.name ~~* $1)", "gin_trgm_ops"),
        (LIKE, "((owner = $1) AND (name ~~ $2))", "for ((owner = $1) AND (name ~~ $2)), one that"),
        (LIKE, "(contact.name !~~ $1)", "for (contact.name !~~ $1), then"),
        (LIKE, "(contact.owner = $1)", "on public.contact (owner), then"),
        ("SELECT id FROM contact WHERE NOT gone ORDER BY id LIMIT $1 OFFSET $2", "(NOT gone)", "after the last one"),
        ("SELECT id FROM contact ORDER BY random() LIMIT $1", "", "Draw keys instead of sorting all rows by lot"),
        ("SELECT id FROM contact WHERE owner = $1 ORDER BY random() LIMIT $2", "(owner = $1)", "(owner), then"),
        ("SELECT id, random() FROM contact ORDER BY name LIMIT $1", "", "for this order, then"),
    ],
)
def test_the_index_that_is_advised_serves_the_condition(text: str, condition: str, says: str) -> None:
    pg = replace(
        WALKED,
        statements={text: (55.8, 1.8, 2.4, 1251)},
        scans={(text, "public.contact", condition): (600, True)},
    )
    diagnosis = diagnose(behind_app(pg, waiting=8, rps=56).recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == "missing_index"
    assert says in diagnosis.next_step


def test_a_statement_without_a_plan_is_unknown_not_clear() -> None:
    answer = verdict("missing_index", behind_app(replace(SCANNED, scans={}, unplanned=(BY_OWNER,))))
    assert isinstance(answer, Unknown) and BY_OWNER in answer.why


def test_the_statement_and_the_users_line_are_named() -> None:
    built = behind_app(SCANNED)
    driver = "/venv/lib/python3.11/site-packages/psycopg/cursor.py"
    from loadlab.recording.model import Frame, Stacks

    frames = (Frame("view", "/srv/app/views.py", 12), Frame("execute", driver, 90), Frame("wait", driver, 99))
    built.stacks.append(Stacks("app", 0, 110, "all", (("MainThread", frames, 50),)))
    first = diagnose(built.recording()).bottleneck
    assert first is not None and first.where is not None
    assert (first.where.function, first.where.file, first.where.line) == ("view", "views.py", 12)
    assert "WHERE owner = $1" in first.sentence
