"""nginx: what it says of its own limits

What: follows nginx's log of errors, and counts the lines by which it tells that it turned a request away, or a
connection, and that a server behind it failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "upstream"
INTERVAL_S = 1.0
METRICS = (
    Metric("no_server", "1", "counter", "requests answered 502 because no server of the upstream was allowed one more"),
    Metric("unreached", "1", "counter", "tries that a server refused, broke off or did not answer in time"),
    Metric("no_connection", "1", "counter", "times that worker_connections were not enough"),
    Metric("connections", "1", "gauge", "that number of worker_connections, once they were not enough"),
)
SAYS: tuple[tuple[bytes, ...], ...] = (
    (b"no live upstreams while connecting to upstream",),
    (
        b"connect() failed",
        b"upstream timed out",
        b"upstream prematurely closed",
        b"while reading response header from upstream",
        b"upstream sent invalid",
    ),
    (b"worker_connections are not enough",),
)
"""By counter, how nginx puts it (ngx_http_upstream.c, ngx_connection.c, the same since 1.0)."""

CONNECTIONS = re.compile(rb"(\d+) worker_connections are not enough")

MOST_BYTES = 16 << 20
"""Read in one tick; more is left for the next. A line of refusal has 200 bytes, and 30,000 a second were seen."""


class Logs:
    """The open probe: one log for each nginx."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._logs: dict[Path, Log] = {}

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each nginx that loadlab started."""
        rows: list[Row] = []
        for target in self._targets.now():
            if target.unit == "nginx" and target.log is not None:
                path = Path(target.status.get("error_log", target.log))
                log = self._logs.setdefault(path, Log(path))
                log.read()
                rows.append((Entity("upstream", target.service, target.instance), (*log.counts, log.connections)))
        return rows

    def close(self) -> None:
        """Nothing is kept open between ticks."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Logs:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Logs(targets)


class Log:
    """A log that grows: reads on from where it stopped; a torn last line is counted the next time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.counts = [0.0] * len(SAYS)
        self.connections: float | None = None

    def read(self) -> None:
        """Take in what is new. A log that is not there yet has nothing new."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self.counts = [old + new for old, new in zip(self.counts, parse(whole), strict=True)]
        if (limit := CONNECTIONS.search(whole)) is not None:
            self.connections = float(limit[1])


def parse(text: bytes) -> tuple[float, ...]:
    """How often whole lines say each of SAYS. A line counts once for each."""
    found = [0] * len(SAYS)
    for index, ways in enumerate(SAYS):
        if len(ways) == 1:  # once in a line; a log of refusals has a hundred thousand
            found[index] = text.count(ways[0])
        elif any(way in text for way in ways):
            found[index] = sum(any(way in line for way in ways) for line in text.splitlines())
    return tuple(float(each) for each in found)
