"""nginx: what it says of its own limits

What: follows nginx's log of errors, and counts the lines by which it tells that it turned a request away, or a
connection, and that a server behind it failed. Of an nginx that loadlab did not start as one, the logs it holds open.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._nginx_files import Finder, Place
from loadlab.probes._nginx_lines import Log, added
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


class Logs:
    """The open probe: one log for each nginx of loadlab's, and whatever others hold open."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._targets = targets
        self._logs: dict[Path, Log] = {}
        self._finder = Finder(targets, proc)
        self._others: dict[Place, Log] = {}

    def read(self, t: float) -> Iterable[Row]:
        """One row for each nginx."""
        rows: list[Row] = []
        for target in self._targets.now():
            if target.unit == "nginx" and target.log is not None:
                path = Path(target.status.get("error_log", target.log))
                log = self._logs.setdefault(path, Log(path))
                log.read()
                rows.append((Entity("upstream", target.service, target.instance), (*log.counts, log.connections)))
        return rows + self._found(t)

    def _found(self, t: float) -> list[Row]:
        """One row for each target in which an nginx was found: the sums of its logs."""
        sums: dict[Entity, list[Log]] = {}
        for place, (target, path, size) in self._finder.logs(t).items():
            log = self._others.setdefault(place, Log(path, size, place[2:]))
            log.path = path  # another process may be the one that is left
            log.read()
            sums.setdefault(Entity("upstream", target.service, target.instance), []).append(log)
        return [(entity, added(logs)) for entity, logs in sums.items()]

    def close(self) -> None:
        """Nothing is kept open between ticks."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Logs:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Logs(targets, proc)
