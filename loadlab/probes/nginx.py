"""nginx: requests and times of each upstream server

What: follows the access log that loadlab's own configuration writes, and sums requests, failures and times per backend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "upstream"
INTERVAL_S = 1.0
METRICS = (
    Metric("requests", "1", "counter", "requests sent to this server"),
    Metric("failures", "1", "counter", "answers of 500 and above, and tries that got none"),
    Metric("response_time_s", "s", "counter", "time until the whole answer was there"),
    Metric("connect_time_s", "s", "counter", "time to connect"),
    Metric("rejected", "1", "counter", "answers 429 and 503"),
    Metric("denied", "1", "counter", "answers 401 and 403"),
    Metric("not_found", "1", "counter", "answers 404 and 410"),
)
MOST_BYTES = 4 << 20
"""Read in one tick; more is left for the next, so that a tick stays short."""


class Upstreams:
    """The open probe: one open log for each nginx."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._logs: dict[tuple[str, int], Log] = {}

    def read(self, _t: float) -> Iterable[Row]:
        """One row for each server behind each nginx, and one with no name for the nginx itself."""
        rows: list[Row] = []
        for target in self._targets.now():
            if "access_log" in target.status:
                log = self._logs.setdefault((target.service, target.instance), Log(Path(target.status["access_log"])))
                log.read()
                rows += [(entity(target, address), tuple(sums)) for address, sums in sorted(log.sums.items())]
        return rows

    def close(self) -> None:
        """Nothing is kept open between ticks."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Upstreams:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Upstreams(targets)


def entity(target: Target, address: str) -> Entity:
    """An upstream of a target."""
    return Entity("upstream", target.service, target.instance, name=address)


class Log:
    """An access log that grows: reads on from where it stopped, keeps a torn last line for the next time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(METRICS))

    def read(self) -> None:
        """Take in what is new. A log that is not there yet has nothing new; one that was emptied starts again."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            for address, values in parse(line.decode("ascii", "replace")):
                sums = self.sums[address]
                for index, value in enumerate(values):
                    sums[index] += value


def parse(line: str) -> list[tuple[str, tuple[float, ...]]]:
    """One line of the log: "$msec $status $request_time $upstream_addr $upstream_response_time
    $upstream_connect_time $upstream_header_time". Lists of tries are separated by ", " or " : "; every try counts for
    the server it went to, and all but the last are failures. [] for what is no such line."""
    words = line.replace(", ", ",").replace(" : ", ",").split()
    if len(words) < 7 or not words[1].isdigit():
        return []
    status, taken = int(words[1]), number(words[2])
    answered = (float(status in (429, 503)), float(status in (401, 403)), float(status in (404, 410)))
    found: list[tuple[str, tuple[float, ...]]] = [("", (1.0, float(status >= 500), taken, 0.0, *answered))]
    addresses = [] if words[3] == "-" else words[3].split(",")
    times, connects = words[4].split(","), words[5].split(",")
    for index, address in enumerate(addresses):
        last = index == len(addresses) - 1
        failed = float(not last or status >= 500)
        waited = number(times[index]) if index < len(times) else 0.0
        connected = number(connects[index]) if index < len(connects) else 0.0
        ends = answered if last else (0.0,) * len(answered)
        found.append((address, (1.0, failed, waited, connected, *ends)))
    return found


def number(text: str) -> float:
    """A time of nginx's; 0 for "-"."""
    try:
        return float(text)
    except ValueError:
        return 0.0
