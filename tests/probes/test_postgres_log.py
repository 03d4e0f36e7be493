"""What is read in PostgreSQL's log."""

from __future__ import annotations

from pathlib import Path

from loadlab.probes import postgres_log
from loadlab.services import Target

AT = b"2026-11-27 12:58:46.133 GMT [26535] "
SLOTS = AT + b"FATAL:  remaining connection slots are reserved for non-replication superuser connections\n"
MANY = AT + b"FATAL:  sorry, too many clients already\n"
ROLE = AT + b'FATAL:  too many connections for role "shop"\n'
OTHERS = (
    AT + b"FATAL:  terminating connection due to administrator command\n" + AT + b"LOG:  checkpoint starting: time\n"
)


class Two:
    """A server, and an application that prints what the server told it."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "db.log", folder / "app.log"

    def now(self) -> tuple[Target, ...]:
        """Both."""
        return Target("db", 0, 1, unit="postgres", log=self.logs[0]), Target("app", 0, 2, log=self.logs[1])


def test_clients_that_were_refused_are_counted_once_each(tmp_path: Path) -> None:
    targets = Two(tmp_path)
    log, other = targets.logs
    probe = postgres_log.open(targets)
    told = []
    other.write_bytes(MANY)
    for text in (None, SLOTS + OTHERS + MANY[:50], SLOTS + OTHERS + MANY + ROLE):
        if text is not None:
            log.write_bytes(text)
        told += [(row[0].service, *row[1]) for row in probe.read(0.0)]
    assert told == [("db", 0.0), ("db", 1.0), ("db", 3.0)]
