"""Waits: whom a stopped thread is waiting for

What: for each thread and each peer (a service, an address, a file), how often the thread was found stopped on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes import _shared as shared
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "wait"
INTERVAL_S = 1.0
METRICS = (Metric("samples", "1", "counter", "looks that found the thread stopped on this peer"),)


class Waits:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._engine = shared.engine(targets, proc)

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each thread and peer."""
        found = []
        for each in self._engine.threads():
            target = each.member.target
            for peer, count in each.peers.items():
                entity = Entity("wait", target.service, target.instance, each.member.pid, each.tid, peer)
                found.append((entity, (float(count),)))
        return found

    def close(self) -> None:
        """Ends the sampling if nobody else reads it."""
        shared.release(self._engine)


def open(targets: Targets, proc: Path = Path("/proc")) -> Waits:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Waits(targets, proc)
