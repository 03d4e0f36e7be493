"""Redis and Valkey: what the server says of itself

What: INFO and the length of the slow log: hits and misses, evictions, memory against its limit, clients that wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loadlab.probes import Row
from loadlab.probes._servers import Servers
from loadlab.probes._talk import command, replies
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "server"
INTERVAL_S = 1.0
METRICS = (
    Metric("hits", "1", "counter", "keys asked for that were there"),
    Metric("misses", "1", "counter", "keys asked for that were not there"),
    Metric("evicted", "1", "counter", "keys removed to make room"),
    Metric("expired", "1", "counter", "keys whose time was over"),
    Metric("commands", "1", "counter", "commands done"),
    Metric("slow_commands", "1", "gauge", "entries of the slow log"),
    Metric("used_bytes", "bytes", "gauge", "memory its data take"),
    Metric("limit_bytes", "bytes", "gauge", "maxmemory; 0: none"),
    Metric("keys", "1", "gauge", "keys there are"),
    Metric("clients", "1", "gauge", "connected clients"),
    Metric("blocked_clients", "1", "gauge", "clients in a command that waits, as consumers of a queue do"),
    Metric("rejected_connections", "1", "counter", "connections refused at maxclients"),
)
FIELDS = ("keyspace_hits", "keyspace_misses", "evicted_keys", "expired_keys", "total_commands_processed", "",
          "used_memory", "maxmemory", "keys", "connected_clients", "blocked_clients",
          "rejected_connections")  # fmt: skip
QUESTION = command("INFO") + command("SLOWLOG", "LEN")


def open(targets: Targets, proc: Path = Path("/proc")) -> Servers[list[Any]]:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Servers(targets, "redis", QUESTION, replies(2), rows)


def rows(target: Target, answer: list[Any]) -> Iterable[Row]:
    """One row a server. A server that wants a password answers with an error: nothing is known of it."""
    info, slow = answer
    if not isinstance(info, bytes):
        raise TypeError(f"{target.service}: {info}")
    fields = parse(info)
    values = [fields.get(each) if each else (float(slow) if isinstance(slow, int) else None) for each in FIELDS]
    return [(Entity("server", target.service, target.instance), tuple(values))]


def parse(info: bytes) -> Mapping[str, float]:
    """The numbers of INFO, and as "keys" those of all databases together."""
    found: dict[str, float] = {"keys": 0.0}
    for line in info.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if name.startswith("db") and value.startswith("keys="):
            found["keys"] += number(value[5:].split(",")[0]) or 0.0
            continue
        figure = number(value)
        if figure is not None:
            found[name] = figure
    return found


def number(text: str) -> float | None:
    """A number; None for a word."""
    try:
        return float(text)
    except ValueError:
        return None
