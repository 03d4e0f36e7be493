from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import ServiceError
from loadlab.recording.model import Entity
from loadlab.services import Plan, Server, postgres
from loadlab.services._names import RunNames
from loadlab.services._plans import plan_all
from loadlab.spec.model import Spec
from tests.services.conftest import Launcher, names_of, spec_of, until

POSTGRES = Server(Path("/usr/lib/postgresql/15/bin/postgres"), "15.18")


def database(**with_: Any) -> dict[str, Any]:
    return {"name": "db", "uses": "postgres", "with": with_}


def planned(*services: dict[str, Any], **more: Any) -> tuple[tuple[Plan, ...], RunNames]:
    spec = spec_of(*services)
    names = names_of(spec, **({"resolve": lambda name, explicit: POSTGRES} | more))
    return plan_all(spec, Path("/recording"), names), names


def settings(**with_: Any) -> dict[str, str]:
    text = planned(database(**with_))[0][0].processes[0].files["postgresql.conf"]
    return dict(each.split(" = ", 1) for each in text.splitlines() if " = " in each)


def test_a_primary_and_its_replicas_have_a_port_each_and_their_addresses() -> None:
    app = {"name": "app", "command": ["run", "{db.url}", "{db.replica_urls}", "{db.port}", "{db.ports}"]}
    plans, _ = planned(app, database(replicas=2))
    db, app_plan = plans
    assert [each.instance for each in db.processes] == [0, 1, 2]
    assert db.url == "postgresql://loadlab@127.0.0.1:7001/loadlab"
    replicas = "postgresql://loadlab@127.0.0.1:7002/loadlab,postgresql://loadlab@127.0.0.1:7003/loadlab"
    assert app_plan.processes[0].argv == ("run", db.url, replicas, "7001", "7001,7002,7003")
    assert (db.role, db.version) == ("database", "15.18")


def test_a_replica_copies_the_primary_and_a_primary_runs_the_users_sql() -> None:
    db = planned(database(replicas=1, init="web.py", variables={"rows": 5}))[0][0]
    first, second = (json.loads(each.files["start.json"]) for each in db.processes)
    assert (first["primary_port"], second["primary_port"]) == (None, 7001)
    assert (first["variables"], Path(first["scripts"][0]).name) == ({"rows": "5"}, "web.py")
    assert first["passfile"] == second["passfile"], "a replica reads with the primary's password"


@pytest.mark.parametrize(("uid", "first"), [(0, "unshare"), (1000, "/venv/bin/python")])
def test_only_uid_0_needs_a_namespace(uid: int, first: str) -> None:
    assert planned(database(), uid=uid)[0][0].processes[0].argv[0] == first


def test_the_configuration_stays_on_loopback_and_the_users_settings_win() -> None:
    made = settings(settings={"max_connections": 7, "fsync": False, "work_mem": "1MB", "search_path": "it's"})
    assert made["listen_addresses"] == "'127.0.0.1'"
    assert (made["max_connections"], made["fsync"], made["work_mem"]) == ("7", "off", "'1MB'")
    assert made["search_path"] == "'it''s'"
    assert made["superuser_reserved_connections"] == "2", "loadlab itself takes one of the three"
    assert "max_wal_senders" not in made and "max_wal_senders" in settings(replicas=1)


def test_statements_are_counted_beside_the_users_own_libraries() -> None:
    assert settings()["shared_preload_libraries"] == "'pg_stat_statements'"
    more = settings(settings={"shared_preload_libraries": "auto_explain, pg_stat_statements"})
    assert more["shared_preload_libraries"] == "'pg_stat_statements, auto_explain'"


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (database(replica=1), "replica means nothing to postgres"),
        (database(replicas=-1), "from 0 to 8"),
        (database(replicas=True), "from 0 to 8"),
        (database(settings={"port": 5432}), "settings.port is loadlab's"),
        (database(settings={"x": [1]}), "settings.x is text"),
        (database(settings=3), "a table of PostgreSQL's own"),
        (database(init=3), "init is a file of SQL"),
        (database(init=["web.py", "none.sql"]), "there is no file none.sql"),
        (database(variables={"a": [1]}), "variables is a table"),
        (database() | {"instances": 3}, "replicas = 2"),
        (database(replicas=1) | {"port": 5432}, "a fixed port is for one server"),
    ],
)
def test_what_cannot_work_is_said(service: dict[str, Any], said: str) -> None:
    spec = spec_of(service)
    problems = postgres.check(spec.service[0], spec)
    assert len(problems) == 1 and said in problems[0]


@pytest.fixture
def schema(tmp_path: Path) -> Iterator[Path]:
    """A folder with SQL in it."""
    (tmp_path / "schema.sql").write_text("CREATE TABLE t AS SELECT generate_series(1, :rows) AS n;\n")
    (tmp_path / "wrong.sql").write_text("CREATE TABLE t (n int);\nSELECT 1 FRM t;\n")
    return tmp_path


@pytest.mark.real
def test_a_replica_streams_a_plain_owner_connects_and_the_data_are_gone(launching: Launcher, schema: Path) -> None:
    import psycopg

    with launching(database(init="schema.sql", variables={"rows": 10}, replicas=1), folder=schema) as run:
        plan = run.running.plans[0]
        with psycopg.connect(plan.url, autocommit=True) as owner:
            assert owner.execute("SELECT count(*), current_user FROM t").fetchone() == (10, "loadlab")
            assert owner.execute("SHOW is_superuser").fetchone() == ("off",)
            owner.execute("INSERT INTO t VALUES (11)")
        with psycopg.connect(plan.replica_urls[0], autocommit=True) as reader:
            assert until(lambda: reader.execute("SELECT count(*) FROM t").fetchone() == (11,))
            assert reader.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        status = plan.processes[0].status
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(status["postgres"], passfile=os.devnull)
        folders = [each.folder for each in plan.processes]
        assert all((each / "data").is_dir() for each in folders)
    assert not [name for each in folders for name in ("data", "pgpass", "password") if (each / name).exists()]


@pytest.mark.real
def test_sql_that_is_wrong_is_told_with_the_servers_own_words(launching: Launcher, schema: Path) -> None:
    with (
        pytest.raises(ServiceError, match=r'wrong\.sql:2: ERROR:  syntax error at or near "t"'),
        launching(database(init="wrong.sql"), folder=schema),
    ):
        pass


@pytest.mark.real
def test_its_sessions_statements_plans_and_locks_are_seen(launching: Launcher, schema: Path) -> None:
    """All five probes, against a server with one session that waits for another's row, and one that is full."""
    import threading

    import psycopg

    from loadlab.catalogue import units

    with launching(
        database(init="schema.sql", variables={"rows": 5000}, settings={"max_connections": 7}), folder=schema
    ) as run:
        url = run.running.plans[0].url
        probes = {name: unit.open(run.running) for name, unit in units("probes").items() if name.startswith("postgres")}

        def rows(probe: str) -> dict[Entity, tuple[Any, ...]]:
            return dict(probes[probe].read(0.0))

        assert until(lambda: bool(rows("postgres")), 5)
        holder, waiter = psycopg.connect(url), psycopg.connect(url)
        for _ in range(3):
            holder.execute("SELECT n FROM t WHERE n = %s", (7,)).fetchall()
        holder.execute("UPDATE t SET n = n WHERE n = 1")
        thread = threading.Thread(target=waiter.execute, args=("UPDATE t SET n = 0 WHERE n = 1",), daemon=True)
        thread.start()
        crowd = [psycopg.connect(url) for _ in range(2)]
        with pytest.raises(psycopg.OperationalError, match=r"remaining connection slots|too many clients"):
            psycopg.connect(url)
        try:
            assert until(lambda: any("n = $1" in each.name for each in rows("postgres_scans")), 10)
            scan = next(each.name for each in rows("postgres_scans") if each.name.startswith("SELECT n"))
            assert scan.splitlines()[1:] == ["public.t", "(t.n = $1)"]
            assert until(lambda: bool(rows("postgres_locks")), 5)
            _waiting, what, state, _ = next(iter(rows("postgres_locks"))).name.split("\n")
            assert what == "transactionid" and state == "idle in transaction"
            assert until(lambda: next(iter(rows("postgres").values()))[11] == 4)
            server = next(iter(rows("postgres").values()))
            named = dict(zip((each.name for each in units("probes")["postgres"].METRICS), server, strict=True))
            assert (named["connections_now"], named["connection_limit"], named["replica"]) == (4, 4, 0)
            assert named["lock"] > 0
            assert any("n = $1" in each.name and each.service == "db" for each in rows("postgres_statements"))
            assert any(each.name == "public.t" for each in rows("postgres_tables"))
        finally:
            holder.rollback()
            thread.join(5)
            for each in (holder, waiter, *crowd):
                each.close()
            for probe in probes.values():
                probe.close()


def test_the_spec_is_one_a_user_may_write() -> None:
    assert isinstance(spec_of(database(replicas=2, settings={"max_connections": 100})), Spec)
