"""RabbitMQ's counters of each queue, as its Prometheus plug-in prints them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict

PATH = "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count&family=channel_queue_exchange_metrics"
"""The first costs the server no statistics of each message; the last counts what its open channels put in."""
LINE = re.compile(r'^rabbitmq_detailed_(\w+)\{[^}]*\bqueue="((?:[^"\\]|\\.)*)"[^}]*\} (\S+)$', re.MULTILINE)
NAMES = ("queue_messages_ready", "queue_messages_unacked", "queue_consumers", "queue_messages_published_total")


def parse(text: bytes) -> list[tuple[str, tuple[float | None, ...]]]:
    """(queue, (waiting, taken, consumers, arrived)); what is counted for each channel is summed."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for metric, queue, value in LINE.findall(text.decode("utf-8", "replace")):
        if metric in NAMES:
            found[queue][metric] = found[queue].get(metric, 0.0) + float(value)
    return [(queue, tuple(each.get(name) for name in NAMES)) for queue, each in sorted(found.items())]
