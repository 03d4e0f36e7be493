"""Queues: messages that wait, and those being worked on

What: of RabbitMQ every queue, from its Prometheus plug-in; of a Redis or Valkey whose role is "queue", or from which
somebody takes messages, every stream with a consumer group, and every list. Nothing is read from a queue: only its
counters are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row, _redis_queues
from loadlab.probes._rabbit_text import PATH, parse
from loadlab.probes._servers import Servers
from loadlab.probes._talk import until_closed
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "queue"
INTERVAL_S = 1.0
METRICS = (
    Metric("waiting", "1", "gauge", "messages nobody has taken yet"),
    Metric("taken", "1", "gauge", "messages a consumer works on: delivered, not yet acknowledged"),
    Metric("consumers", "1", "gauge", "consumers; unknown where the server does not say"),
    Metric("arrived", "1", "counter", "messages put in, as far as the server counts them"),
)
QUESTION = f"GET {PATH} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()


class Queues:
    """The open probe: one for each kind of server."""

    def __init__(self, targets: Targets) -> None:
        self._sources = (
            Servers(targets, "rabbitmq", QUESTION, until_closed, rows),
            _redis_queues.Streams(targets),
        )

    def read(self, t: float) -> Iterable[Row]:
        """A row for each queue."""
        return [row for each in self._sources for row in each.read(t)]

    def close(self) -> None:
        """Hang up."""
        for each in self._sources:
            each.close()


def open(targets: Targets, proc: Path = Path("/proc")) -> Queues:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Queues(targets)


def rows(target: Target, answer: bytes) -> Iterable[Row]:
    """Those of one RabbitMQ."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(f"{target.service} answered {head[:60]!r}")
    return [(Entity("queue", target.service, target.instance, name=name), values) for name, values in parse(body)]
