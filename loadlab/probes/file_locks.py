"""File locks: which process holds a lock on a file, and which wait for it

What: from the kernel's table, 25 times a second, for each process and file: was a lock held that lets nobody else
write, had it just been taken, how many threads waited for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes import _shared as shared
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "file"
INTERVAL_S = 1.0
METRICS = (
    Metric("looks", "1", "counter", "looks at the kernel's table"),
    Metric("held", "1", "counter", "looks that found it holding a lock for writing"),
    Metric("taken", "1", "counter", "of these, looks before which it did not hold it"),
    Metric("waited", "1", "counter", "threads of it that waited for a lock, summed over the looks"),
    Metric("sqlite", "1", "gauge", "1 where the lock is one of SQLite's, for which one waits by asking again"),
)


class FileLocks:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._engine = shared.engine(targets, proc)

    def read(self, t: float) -> Iterable[Row]:
        """One row for each process and file it ever locked."""
        shared.refresh(self._engine, t)
        looks, files, members = self._engine.locks()
        found = []
        for (pid, path), each in sorted(files.items()):
            if pid in members:
                target = members[pid].target
                entity = Entity("file", target.service, target.instance, pid, 0, path)
                counts = (looks, each.held, each.taken, each.waited, each.sqlite)
                found.append((entity, tuple(float(count) for count in counts)))
        return found

    def close(self) -> None:
        """Ends the sampling if nobody else reads it."""
        shared.release(self._engine)


def open(targets: Targets, proc: Path = Path("/proc")) -> FileLocks:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return FileLocks(targets, proc)
