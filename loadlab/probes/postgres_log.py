"""PostgreSQL: clients it turned away

What: follows the server's log, and counts the lines by which it tells that it had no connection left for a client.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._follow import Follower
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "server"
INTERVAL_S = 1.0
METRICS = (Metric("refused", "1", "counter", "clients refused because all connections were taken"),)

SAYS = (
    b"FATAL:  sorry, too many clients already",
    b"FATAL:  remaining connection slots are reserved",
    b"FATAL:  too many connections for ",
)
"""How it puts SQLSTATE 53300 (proc.c, postinit.c, the same from 9.1 to 17): of the server, of its last connections, and
of a role or database with a limit of its own. initdb runs without a locale, so that it speaks English."""


class Logs:
    """The open probe: one log for each server."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._logs: dict[Path, Follower] = {}
        self._refused: dict[Path, float] = {}

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each server that loadlab started."""
        rows: list[Row] = []
        for target in self._targets.now():
            if target.unit == "postgres" and target.log is not None:
                new = self._logs.setdefault(target.log, Follower(target.log)).lines()
                self._refused[target.log] = self._refused.get(target.log, 0.0) + parse(new)
                rows.append((Entity(ENTITY, target.service, target.instance), (self._refused[target.log],)))
        return rows

    def close(self) -> None:
        """Nothing is kept open between ticks."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Logs:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Logs(targets)


def parse(text: bytes) -> float:
    """How many clients were refused."""
    return float(sum(text.count(each) for each in SAYS))
