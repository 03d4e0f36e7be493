"""samples.sqlite, the writing side: one connection, one thread, a commit when told to.

WAL, so that a reader never waits for the writer and a killed run keeps every commit. synchronous=NORMAL: a power cut
may lose the last commits but cannot damage the file, and there is an fsync only at a checkpoint (each 4 MB), not at
each commit, so that the recorder is no load on the disk it watches.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadlab.probes import Row
from loadlab.recording.format import FORMAT, FULL_S, SAMPLES, TABLES, THIN_S, clean, probe_insert, probe_table
from loadlab.recording.model import Entity, Metric, RequestInterval
from loadlab.recording.plain import plain

MAX_KNOWN = 10_000
"""Entities whose number is remembered. Past it the memory is emptied and the same entity may get a second number (the
reader puts them together): a service that makes a thread a request must not make the recorder grow."""


class Samples:
    """Raises sqlite3.OperationalError where the disk does not take it, ValueError for rows that do not fit their
    table."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / SAMPLES, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(f"PRAGMA user_version={FORMAT}")
        self._db.executescript("BEGIN;" + TABLES + "COMMIT;")
        self._metrics: dict[str, tuple[Metric, ...]] = {}
        self._insert: dict[str, str] = {}
        self._known: dict[Entity, int] = {}
        self._kept: dict[str, float] = {}
        self._next = 1
        self._border = 0.0

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """Make a probe's table. Twice the same is fine; raises ValueError for other metrics or impossible names."""
        if probe in self._metrics:
            if tuple(each.name for each in self._metrics[probe]) != tuple(each.name for each in metrics):
                raise ValueError(f"probe {probe!r} was declared before, with other metrics")
            return
        sql = probe_table(probe, tuple(each.name for each in metrics))
        self._begin()
        self._db.execute(sql)
        rows = [(probe, each.name, each.unit, each.kind, each.says) for each in metrics]
        self._db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", rows)
        self._metrics[probe] = metrics
        self._insert[probe] = probe_insert(probe, len(metrics))

    def border(self, t: float) -> None:
        """A phase or a level begins at t: the next tick of every probe is kept."""
        self._border = t

    def tick(self, probe: str, t: float, rows: Sequence[Row], late_ms: float, cost_ms: float) -> None:
        """One good tick. Rows that do not fit raise ValueError, and none of them is written."""
        if probe not in self._metrics:
            raise ValueError(f"probe {probe!r} was never declared")
        width = len(self._metrics[probe])
        ready = [(t, self._number(entity), *_values(values, width)) for entity, values in rows]
        self._begin()
        if ready and self._keep(probe, t):
            self._db.executemany(self._insert[probe], ready)
        self._db.execute("INSERT INTO ticks VALUES (?, ?, ?, ?, NULL)", (t, probe, late_ms, cost_ms))

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """One tick that raised."""
        self._begin()
        self._db.execute("INSERT INTO ticks VALUES (?, ?, ?, ?, ?)", (t, probe, late_ms, cost_ms, clean(error)))

    def event(self, t: float, kind: str, service: str, instance: int, pid: int, data: Mapping[str, Any]) -> None:
        """Something that happened once."""
        self._begin()
        text = json.dumps(plain(data), ensure_ascii=True)
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (t, kind, service, instance, pid, text))

    def requests(self, rows: Sequence[RequestInterval]) -> None:
        """What the endpoints did in one interval."""
        self._begin()
        self._db.executemany(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.start, r.end, r.endpoint, r.result, r.count, r.sum_ms, r.p50_ms, r.p95_ms, r.p99_ms, r.max_ms)
                for r in rows
            ],
        )

    def commit(self) -> None:
        """Everything so far survives a kill."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Commit, put the WAL back into the one file, close: the folder can then be read from read-only media."""
        try:
            self.commit()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")
        finally:
            self._db.close()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN")

    def _keep(self, probe: str, t: float) -> bool:
        last = self._kept.get(probe)
        # Nine tenths: ticks a little early must not make "every 2 s" every 3 s.
        if t >= FULL_S and last is not None and last >= self._border and t - last < THIN_S * 0.9:
            return False
        self._kept[probe] = t
        return True

    def _number(self, entity: Entity) -> int:
        known = self._known.get(entity)
        if known is not None:
            return known
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._begin()
        number, self._next = self._next, self._next + 1
        parts = (entity.kind, entity.service, entity.instance, entity.pid, entity.tid, clean(entity.name, 2000))
        self._db.execute("INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *parts))
        self._known[entity] = number
        return number


def _values(values: Sequence[float | None], width: int) -> tuple[float | None, ...]:
    if len(values) != width:
        raise ValueError(f"a row has {len(values)} values, its table {width}")
    return tuple(None if each is None else float(each) for each in values)
