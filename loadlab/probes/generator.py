"""Generator: what it sent and what came back

What: users, requests under way, sent, answered, failed, connections opened. The generator counts these itself and the
recorder writes them with each of its intervals, so this probe only names the columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.recording.model import Metric
from loadlab.services import Targets

ENTITY = "generator"
INTERVAL_S = 3600.0
METRICS = (
    Metric("users", "1", "gauge", "users of the closed model"),
    Metric("in_flight", "1", "gauge", "requests sent and not yet answered"),
    Metric("sent", "1", "counter", "requests sent"),
    Metric("succeeded", "1", "counter", "requests answered well"),
    Metric("failed", "1", "counter", "requests that failed"),
    Metric("connects", "1", "counter", "connections opened"),
    Metric("bytes_received", "bytes", "counter", "bytes of answers"),
    Metric("not_sent", "1", "counter", "requests of the schedule that could not be sent"),
    Metric("kernel_stamped", "1", "counter", "answers whose arrival the kernel timed"),
)


class Nothing:
    """No rows: the recorder has them from the generator's intervals."""

    def read(self, _t: float) -> Iterable[Row]:
        """Nothing."""
        return ()

    def close(self) -> None:
        """Nothing."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Nothing:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Nothing()
