"""PostgreSQL: rows of each table read one after the other, and through an index

What: pg_stat_user_tables once a second: the fifty tables of which most was read from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._postgres import Engine, engine
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "table"
INTERVAL_S = 0.5
METRICS = (
    Metric("scans", "1", "counter", "times it was read from end to end"),
    Metric("scanned_rows", "1", "counter", "rows read that way"),
    Metric("index_scans", "1", "counter", "times one of its indexes was used"),
    Metric("index_rows", "1", "counter", "rows found that way"),
    Metric("written_rows", "1", "counter", "rows added, changed or removed"),
    Metric("rows", "1", "gauge", "rows in it, as the planner estimates them"),
)


class Tables:
    """The open probe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each table of each server."""
        return [
            (Entity("table", each.target.service, each.target.instance, name=name), values)
            for each in self._engine.watchers()
            for name, values in each.seen.tables.items()
        ]

    def close(self) -> None:
        """The connections, unless another probe reads through them."""
        self._engine.release()


def open(targets: Targets, proc: Path = Path("/proc")) -> Tables:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Tables(engine(targets))
