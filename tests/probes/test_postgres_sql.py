"""What PostgreSQL's answers mean: sessions, locks, plans."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.probes import _postgres_sql as sql
from loadlab.probes._postgres_sql import Block, Scan


def session(pid: int, state: str = "active", kind: str | None = None, event: str | None = None, **more: Any) -> Any:
    return pid, more.get("backend", "client backend"), state, kind, event, more.get("query"), more.get("blockers", [])


@pytest.mark.parametrize(
    ("kind", "event", "expected"),
    [
        (None, None, "on_cpu"),
        ("Lock", "transactionid", "lock"),
        ("IO", "WALSync", "wal"),
        ("IO", "WalSync", "wal"),
        ("LWLock", "WALWrite", "wal"),
        ("IPC", "SyncRep", "wal"),
        ("IO", "DataFileRead", "io"),
        ("LWLock", "BufferContent", "lwlock"),
        ("Client", "ClientWrite", "client"),
        ("Timeout", "PgSleep", "other"),
    ],
)
def test_what_an_active_session_is_at(kind: str | None, event: str | None, expected: str) -> None:
    assert sql.waits_on(kind, event) == expected


def test_sessions_are_counted_by_what_they_do() -> None:
    rows = [
        session(1),
        session(2, kind="Lock", event="tuple"),
        session(3, "idle"),
        session(4, "idle in transaction"),
        session(5, "idle in transaction (aborted)"),
        session(6, backend="parallel worker"),
    ]
    counts = sql.counted(rows)
    assert counts["connections"] == 5
    assert (counts["active"], counts["on_cpu"], counts["lock"], counts["idle_in_transaction"]) == (3, 2, 1, 2)


def test_who_waits_for_whom() -> None:
    rows = [
        session(1, "idle in transaction", query=11),
        session(2, kind="Lock", event="transactionid", query=12, blockers=[1]),
        session(3, kind="Lock", event="transactionid", query=12, blockers=[99, 1]),
        session(4, kind="Lock", event="relation", blockers=[99]),
    ]
    found = sql.blocks(rows, {11: "UPDATE a", 12: "UPDATE b"})
    assert found == {Block("UPDATE b", "idle in transaction", "UPDATE a", "transactionid"): 2}


def test_who_is_next_in_line_is_not_who_holds_the_lock() -> None:
    """Of those who want one row the first waits for the transaction that has it, the others for a lock on the tuple."""
    rows = [
        session(1, "idle in transaction", query=11),
        session(2, kind="Lock", event="transactionid", query=11, blockers=[1]),
        session(3, kind="Lock", event="tuple", query=11, blockers=[2]),
        session(4, kind="Lock", event="tuple", query=11, blockers=[2]),
    ]
    found = sql.blocks(rows, {11: "SELECT a FOR UPDATE"})
    assert {(each.state, each.what): count for each, count in found.items()} == {
        ("idle in transaction", "transactionid"): 1,
        ("idle in transaction", "tuple"): 2,
    }


def test_in_a_circle_each_waits_for_the_next() -> None:
    rows = [
        session(1, kind="Lock", event="transactionid", query=11, blockers=[2]),
        session(2, kind="Lock", event="transactionid", query=12, blockers=[1]),
        session(3, kind="Lock", event="tuple", query=13, blockers=[1]),
    ]
    found = sql.blocks(rows, {11: "UPDATE a", 12: "UPDATE b", 13: "UPDATE c"})
    assert {(each.waiting, each.holder) for each in found} == {
        ("UPDATE a", "UPDATE b"),
        ("UPDATE b", "UPDATE a"),
        ("UPDATE c", "UPDATE a"),
    }


SEQ = {"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "t", "Filter": "(c = $1)", "Plan Rows": 12}
WALK = SEQ | {"Node Type": "Index Scan", "Index Name": "t_pkey"}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (SEQ, [Scan("public.t", "(c = $1)", 12, False)]),
        ({"Node Type": "Index Scan", "Relation Name": "t"}, []),
        (
            {"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Plans": [SEQ]}]},
            [Scan("public.t", "(c = $1)", 12, True)],
        ),
        ({"Node Type": "Limit", "Plans": [SEQ]}, [Scan("public.t", "(c = $1)", 12, False)]),
        (
            {"Node Type": "Gather", "Workers Planned": 2, "Plans": [SEQ | {"Parallel Aware": True}]},
            [Scan("public.t", "(c = $1)", 36, False)],
        ),
        (
            {
                "Node Type": "Limit",
                "Plans": [{"Node Type": "Sort", "Plans": [{"Node Type": "Aggregate", "Plans": [SEQ]}]}],
            },
            [Scan("public.t", "(c = $1)", 12, False)],
        ),
        (
            {"Node Type": "Nested Loop", "Plans": [{"Node Type": "Index Scan"}, SEQ]},
            [Scan("public.t", "(c = $1)", 12, False)],
        ),
        (WALK, [Scan("public.t", "(c = $1)", 12, False, True)]),
        ({"Node Type": "Limit", "Plans": [WALK]}, [Scan("public.t", "(c = $1)", 12, True, True)]),
        (WALK | {"Index Cond": "(owner = $2)"}, []),
    ],
)
def test_whole_tables_in_a_plan(plan: dict[str, Any], expected: list[Scan]) -> None:
    assert sql.scans(plan) == expected


def test_only_statements_with_a_plan_are_asked_for_it() -> None:
    assert sql.has_plan("( SELECT 1 )") and sql.has_plan("with a as (select 1) select * from a")
    assert not sql.has_plan("COMMIT") and not sql.has_plan("SELECT " + "x" * sql.LONGEST)
    assert sql.squeezed("SELECT 1\n  FROM t") == "SELECT 1 FROM t"
