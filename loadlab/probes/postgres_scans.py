"""PostgreSQL: which statements read a whole table, and for what

What: EXPLAIN of each statement that takes time, once: its generic plan, made but not run. A row for each table the plan
reads from end to end; the entity's name holds the statement, the table and the condition, a line each.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._postgres import Engine, engine
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "scan"
INTERVAL_S = 1.0
METRICS = (
    Metric("passing_rows", "1", "gauge", "rows the planner expects to meet the condition; none where it told no plan"),
    Metric("limited", "1", "gauge", "1 where only the first few of these are wanted, in an order"),
    Metric("ordered", "1", "gauge", "1 where it is read through an index, for its order alone"),
)


class Scans:
    """The open probe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each whole table a plan reads, and one without a table for a statement that told no plan."""
        rows: list[Row] = []
        for each in self._engine.watchers():
            for text, scans in each.seen.plans.items():
                entity = ("scan", each.target.service, each.target.instance, 0, 0)
                if scans is None:
                    rows.append((Entity(*entity, text), (None, None, None)))
                for scan in scans or ():
                    name = f"{text}\n{scan.table}\n{scan.condition}"
                    rows.append((Entity(*entity, name), (scan.passing, float(scan.limited), float(scan.ordered))))
        return rows

    def close(self) -> None:
        """The connections, unless another probe reads through them."""
        self._engine.release()


def open(targets: Targets, proc: Path = Path("/proc")) -> Scans:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Scans(engine(targets))
