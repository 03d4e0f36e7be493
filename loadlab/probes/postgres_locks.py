"""PostgreSQL: which statements wait for whose locks

What: pg_blocking_pids of every session that waits for a lock, ten times a second, followed to the session that waits
for nobody. The entity's name holds, a line each, the statement that waits, the kind of lock, the holder's state and the
holder's latest statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._postgres import Engine, engine
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "lock"
INTERVAL_S = 0.5
METRICS = (Metric("waiting", "1", "counter", "sessions seen waiting so, summed over all looks"),)


class Locks:
    """The open probe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each pair of statements of which one was seen waiting for the other."""
        rows: list[Row] = []
        for each in self._engine.watchers():
            for block, count in each.seen.blocks.items():
                name = f"{block.waiting}\n{block.what}\n{block.state}\n{block.holder}"
                rows.append((Entity("lock", each.target.service, each.target.instance, name=name), (float(count),)))
        return rows

    def close(self) -> None:
        """The connections, unless another probe reads through them."""
        self._engine.release()


def open(targets: Targets, proc: Path = Path("/proc")) -> Locks:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Locks(engine(targets))
