"""What is asked of a PostgreSQL server, and what its answers mean. Pure but for the texts of SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SESSIONS = """
SELECT pid, backend_type, state, wait_event_type, wait_event, query_id,
       CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END
FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'parallel worker') AND usename IS DISTINCT FROM session_user
"""
LIMIT = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int - 1, pg_is_in_recovery()
"""
"""How many connections there are for users that are no superusers, beside this one."""
DATABASES = """
SELECT sum(xact_commit), sum(xact_rollback), sum(blks_read), sum(blks_hit), sum(temp_bytes), sum(deadlocks)
FROM pg_stat_database
"""
REPLICATION = """
SELECT application_name, extract(epoch FROM coalesce(replay_lag, '0'))::float8,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8
FROM pg_stat_replication WHERE state = 'streaming'
"""
STATEMENTS = """
SELECT queryid, sum(calls)::float8, sum(total_exec_time)::float8 / 1000, sum(rows)::float8,
       sum(shared_blks_hit + shared_blks_read)::float8, sum(wal_bytes)::float8
FROM pg_stat_statements(false)
WHERE userid <> (SELECT oid FROM pg_roles WHERE rolname = session_user) AND queryid IS NOT NULL
GROUP BY queryid ORDER BY 3 DESC LIMIT 60
"""
TEXTS = "SELECT DISTINCT ON (queryid) queryid, query FROM pg_stat_statements WHERE queryid = ANY(%s)"
TABLES = """
SELECT t.schemaname || '.' || t.relname, t.seq_scan::float8, t.seq_tup_read::float8,
       coalesce(t.idx_scan, 0)::float8, coalesce(t.idx_tup_fetch, 0)::float8,
       (t.n_tup_ins + t.n_tup_upd + t.n_tup_del)::float8, greatest(c.reltuples, t.n_live_tup, 0)::float8
FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid ORDER BY t.seq_tup_read DESC LIMIT 50
"""
PARAMETERS = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'loadlab_plan'"

EXPLAINED = ("select", "with", "update", "delete", "insert")
"""Statements that have a plan."""
LONGEST = 500
"""Letters of a statement's text that are kept; a longer one is shown up to there."""
FIELDS = ("connections", "active", "on_cpu", "lock", "wal", "io", "lwlock", "client", "other", "idle_in_transaction")
"""What sessions are counted by: connections are those of clients; the seven after active say what those are at."""


@dataclass(frozen=True)
class Block:
    """A statement that waits for a lock, and who holds it: the holder's state and its latest statement."""

    waiting: str
    state: str
    holder: str
    what: str
    """The kind of lock, as the server calls it: transactionid, tuple, relation, advisory, ..."""


@dataclass(frozen=True)
class Scan:
    """A node of a plan that reads a whole table. passing: rows it expects to be left of them; limited: only the first
    few of these are wanted, in an order; ordered: it is read through an index, for its order alone, and each row is
    held against the condition."""

    table: str
    condition: str
    passing: float
    limited: bool
    ordered: bool = False


def squeezed(text: str) -> str:
    """A statement on one line."""
    return " ".join(text.split())[:LONGEST]


def has_plan(text: str) -> bool:
    """Whether EXPLAIN has something to say of it; a text that was cut is no statement any more."""
    return text.lstrip("( ").lower().startswith(EXPLAINED) and len(text) < LONGEST


def counted(rows: Iterable[Sequence[Any]]) -> Counter[str]:
    """How many sessions there are of each of FIELDS, from the rows of SESSIONS."""
    found: Counter[str] = Counter()
    for _, backend, state, kind, event, *_ in rows:
        found["connections"] += backend == "client backend"
        if state in ("active", "fastpath function call") or backend == "parallel worker":
            found["active"] += 1
            found[waits_on(kind, event)] += 1
        elif state and state.startswith("idle in transaction"):
            found["idle_in_transaction"] += 1
    return found


def waits_on(kind: str | None, event: str | None) -> str:
    """What an active session is at. Names of events changed with the versions (WALSync, WalSync): letters do not
    count."""
    if not kind:
        return "on_cpu"
    if kind == "Lock":
        return "lock"
    name = (event or "").lower()
    if name.startswith("wal") or name == "syncrep":
        return "wal"
    return {"IO": "io", "LWLock": "lwlock", "Client": "client"}.get(kind, "other")


def blocks(rows: Iterable[Sequence[Any]], texts: Mapping[int, str]) -> Counter[Block]:
    """Who waits for whom, from the rows of SESSIONS."""
    sessions = {row[0]: row for row in rows}
    found: Counter[Block] = Counter()
    for row in sessions.values():
        holder = _holder(sessions, row)
        if holder is not None:
            text, other = texts.get(row[5] or 0, ""), texts.get(holder[5] or 0, "")
            found[Block(text, holder[2] or "", other, row[4] or "")] += 1
    return found


def _holder(sessions: Mapping[int, Sequence[Any]], row: Sequence[Any]) -> Sequence[Any] | None:
    """Whom a session waits for in the end: of those that want one row only the first waits for its holder, the others
    wait for that one. One that waits for several waits for the first of them; in a circle all wait for the next."""
    path = [row]
    while path[-1][3] == "Lock":
        held = next((each for each in path[-1][6] if each in sessions), None)
        if held is None:
            break
        if any(each[0] == held for each in path):
            return path[1]
        path.append(sessions[held])
    return path[-1] if len(path) > 1 else None


def scans(plan: Mapping[str, Any]) -> list[Scan]:
    """The sequential scans of a plan, as EXPLAIN (FORMAT JSON, VERBOSE) gives it, and those of an index that no
    condition narrows."""
    return list(_scans(plan, workers=1, limited=False, few=False))


def _scans(node: Mapping[str, Any], workers: int, limited: bool, few: bool) -> Iterator[Scan]:
    """limited: the first few are wanted, of an order that has to be made first; few: of any."""
    kind = node.get("Node Type", "")
    if kind == "Gather" or kind == "Gather Merge":
        workers = int(node.get("Workers Planned", 0)) + 1  # rows below are those of one process
    if kind == "Limit":
        limited, few = any(each.get("Node Type", "").endswith("Sort") for each in _line(node)), True
    if kind.endswith("Aggregate"):
        limited = few = False  # every row counts
    walked = kind in ("Index Scan", "Index Only Scan") and "Filter" in node and "Index Cond" not in node
    if kind.endswith("Seq Scan") or walked:
        table = f"{node.get('Schema', 'public')}.{node.get('Relation Name', '')}"
        passing = float(node.get("Plan Rows", 0)) * workers
        yield Scan(table, str(node.get("Filter", "")), passing, few if walked else limited, walked)
    for each in node.get("Plans", ()):
        yield from _scans(each, workers, limited, few)


def _line(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes below, as long as each has but one child."""
    while len(node.get("Plans", ())) == 1:
        node = node["Plans"][0]
        yield node
