"""memcached: what the server says of itself

What: `stats`: hits and misses, evictions, memory against its limit, connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._servers import Servers
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "server"
INTERVAL_S = 1.0
METRICS = (
    Metric("hits", "1", "counter", "keys asked for that were there"),
    Metric("misses", "1", "counter", "keys asked for that were not there"),
    Metric("evicted", "1", "counter", "items removed before their time to make room"),
    Metric("expired", "1", "counter", "items asked for whose time was over"),
    Metric("used_bytes", "bytes", "gauge", "memory its items take"),
    Metric("limit_bytes", "bytes", "gauge", "memory it may take for items"),
    Metric("keys", "1", "gauge", "items there are"),
    Metric("clients", "1", "gauge", "open connections"),
    Metric("listen_disabled", "1", "counter", "how often it stopped accepting at its connection limit"),
)
FIELDS = ("get_hits", "get_misses", "evictions", "get_expired", "bytes", "limit_maxbytes", "curr_items",
          "curr_connections", "listen_disabled_num")  # fmt: skip


def open(targets: Targets, proc: Path = Path("/proc")) -> Servers[bytes]:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Servers(targets, "memcached", b"stats\r\n", whole, rows)


def whole(data: bytes, _closed: bool) -> bytes | None:
    """The answer once its last line is there."""
    return data if data.endswith(b"END\r\n") else None


def rows(target: Target, answer: bytes) -> Iterable[Row]:
    """One row a server."""
    fields = parse(answer)
    values = tuple(fields.get(each) for each in FIELDS)
    return [(Entity("server", target.service, target.instance), values)]


def parse(text: bytes) -> Mapping[str, float]:
    """The numbers among `STAT name value`."""
    found: dict[str, float] = {}
    for line in text.decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "STAT" and words[2].isdigit():
            found[words[1]] = float(words[2])
    return found
