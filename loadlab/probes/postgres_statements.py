"""PostgreSQL: calls, time and rows of each statement

What: pg_stat_statements once a second: the sixty statements that took most time, literals replaced by $1, $2, ...
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._postgres import Engine, engine
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "statement"
INTERVAL_S = 0.5
METRICS = (
    Metric("calls", "1", "counter", "times it was run to its end"),
    Metric("seconds", "s", "counter", "time from its start to its end in the server, summed over all runs"),
    Metric("rows", "1", "counter", "rows returned, or written"),
    Metric("blocks", "1", "counter", "pages of 8 KB it looked at, wherever they were"),
    Metric("wal_bytes", "bytes", "counter", "written to the write-ahead log"),
)


class Statements:
    """The open probe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each statement of each server."""
        return [
            (Entity("statement", each.target.service, each.target.instance, name=text), values)
            for each in self._engine.watchers()
            for text, values in each.seen.statements.items()
        ]

    def close(self) -> None:
        """The connections, unless another probe reads through them."""
        self._engine.release()


def open(targets: Targets, proc: Path = Path("/proc")) -> Statements:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Statements(engine(targets))
