"""PostgreSQL: what its sessions do and wait for, connections against their limit, replication

What: pg_stat_activity ten times a second, summed; pg_stat_database and pg_stat_replication once a second, of each
server that loadlab started, through a connection kept free for superusers: a server that is full is still seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._postgres import Engine, Watcher, engine
from loadlab.probes._postgres_sql import FIELDS
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "server"
INTERVAL_S = 0.5
METRICS = (
    Metric("looks", "1", "counter", "times its sessions were looked at"),
    Metric("connections", "1", "counter", "connections of clients, summed over all looks"),
    Metric("active", "1", "counter", "sessions in a statement, summed over all looks; those below are parts of it"),
    Metric("on_cpu", "1", "counter", "sessions that wait for nothing, summed over all looks"),
    Metric("lock", "1", "counter", "sessions that wait for a row's, table's or other lock, summed over all looks"),
    Metric("wal", "1", "counter", "sessions that wait for the write-ahead log or a synchronous replica, likewise"),
    Metric("io", "1", "counter", "sessions that wait for data files, summed over all looks"),
    Metric("lwlock", "1", "counter", "sessions that wait for one of the server's own locks, summed over all looks"),
    Metric("client", "1", "counter", "sessions in a statement that wait for their client, summed over all looks"),
    Metric("other", "1", "counter", "sessions that wait for anything else, summed over all looks"),
    Metric("idle_in_transaction", "1", "counter", "sessions whose client does something else, summed over all looks"),
    Metric("connections_now", "1", "gauge", "connections of clients at the last look"),
    Metric("connection_limit", "1", "gauge", "connections there are for clients that are no superusers"),
    Metric("commits", "1", "counter", "transactions committed"),
    Metric("rollbacks", "1", "counter", "transactions rolled back"),
    Metric("blocks_read", "1", "counter", "pages of 8 KB not found in shared memory"),
    Metric("blocks_hit", "1", "counter", "pages of 8 KB found in shared memory"),
    Metric("temp_bytes", "bytes", "counter", "written to temporary files by sorts and joins"),
    Metric("deadlocks", "1", "counter", "transactions ended because they waited for each other in a circle"),
    Metric("replica", "1", "gauge", "1 for a replica"),
    Metric("lag_s", "s", "gauge", "of a replica: how old its state was when it told its primary"),
    Metric("lag_bytes", "bytes", "gauge", "of a replica: log that its primary has and it has not applied"),
)


class Servers:
    """The open probe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each server."""
        watchers = self._engine.watchers()
        lags = {name: lag for each in watchers for name, lag in each.seen.replication.items()}
        return [_row(each, lags) for each in watchers]

    def close(self) -> None:
        """The connections, unless another probe reads through them."""
        self._engine.release()


def open(targets: Targets, proc: Path = Path("/proc")) -> Servers:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Servers(engine(targets))


def _row(watcher: Watcher, lags: dict[str, tuple[float, float]]) -> Row:
    target, seen = watcher.target, watcher.seen
    lag = lags.get(f"{target.service}-{target.instance}", (None, None)) if seen.replica else (None, None)
    database = seen.database or (None,) * 6
    return Entity("server", target.service, target.instance), (
        float(seen.looks),
        *(float(seen.sessions[name]) for name in FIELDS),
        float(seen.now["connections"]),
        None if seen.limit is None else float(seen.limit),
        *database,
        float(seen.replica),
        *lag,
    )
