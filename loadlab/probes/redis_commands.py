"""Redis and Valkey: time spent in each command

What: the server's own commandstats. It does one command at a time, so a command's time is time all others wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadlab.probes import Row, _redis_queues
from loadlab.probes._servers import Servers
from loadlab.probes._talk import command, replies
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "command"
INTERVAL_S = 1.0
METRICS = (
    Metric("calls", "1", "counter", "how often it was done"),
    Metric("time_s", "s", "counter", "CPU time it took the server"),
)
LINE = re.compile(r"^cmdstat_([^:]+):calls=(\d+),usec=(\d+)", re.MULTILINE)


def open(targets: Targets, proc: Path = Path("/proc")) -> Servers[list[Any]]:  # noqa: A001 - the family's form
    """See probes/__init__."""

    def noted(target: Target, answer: list[Any]) -> Iterable[Row]:
        found = list(rows(target, answer))
        _redis_queues.note(targets, target, (entity.name for entity, (calls, _) in found if calls))
        return found

    return Servers(targets, "redis", command("INFO", "commandstats"), replies(1), noted)


def rows(target: Target, answer: list[Any]) -> Iterable[Row]:
    """One row for each command that was ever used."""
    if not isinstance(answer[0], bytes):
        raise TypeError(f"{target.service}: {answer[0]}")
    return [
        (Entity("command", target.service, target.instance, name=name), (calls, time_s))
        for name, calls, time_s in parse(answer[0])
    ]


def parse(text: bytes) -> list[tuple[str, float, float]]:
    """(command, calls, seconds) of `cmdstat_get:calls=3,usec=9,usec_per_call=3.00,...`."""
    return [
        (name.lower(), float(calls), int(usec) / 1e6)
        for name, calls, usec in LINE.findall(text.decode("ascii", "replace"))
    ]
