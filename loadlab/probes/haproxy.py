"""HAProxy: queues, times and answers of each server behind it

What: the CSV of `show stat`. Times are HAProxy's own means over its last 1,024 requests: at a few hundred requests a
second that is some seconds ago, at a few requests a second they are too old to be used.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._servers import Servers
from loadlab.probes._talk import until_closed
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target, Targets

ENTITY = "upstream"
INTERVAL_S = 1.0
METRICS = (
    Metric("requests", "1", "counter", "requests, or connections to this server"),
    Metric("failures", "1", "counter", "answers of 500 and above, connections that failed, answers that broke off"),
    Metric("denied", "1", "counter", "answers from 400 to 499"),
    Metric("queued", "1", "gauge", "requests that wait in HAProxy for a place at this server"),
    Metric("sessions", "1", "gauge", "requests under way"),
    Metric("limit", "1", "gauge", "how many may be under way; unknown: any number"),
    Metric("queue_ms", "ms", "gauge", "mean time in that queue"),
    Metric("connect_ms", "ms", "gauge", "mean time to connect"),
    Metric("response_ms", "ms", "gauge", "mean time until the server began to answer"),
    Metric("up", "1", "gauge", "1 where it is sent requests"),
)
NAMES = {"FRONTEND": "", "BACKEND": "backend"}
"""The row of a frontend is about HAProxy itself, and has no name here."""


def open(targets: Targets, proc: Path = Path("/proc")) -> Servers[bytes]:  # noqa: A001 - the family's form
    """See probes/__init__."""
    return Servers(targets, "haproxy", b"show stat\n", until_closed, rows)


def rows(target: Target, answer: bytes) -> Iterable[Row]:
    """One row for each server, one for the frontend, one for the backend as a whole."""
    return [(Entity("upstream", target.service, target.instance, name=name), values) for name, values in parse(answer)]


def parse(text: bytes) -> list[tuple[str, tuple[float | None, ...]]]:
    """(name, values in the order of METRICS) for each line of the CSV."""
    lines = text.decode("utf-8", "replace").lstrip("# ")
    return [(_name(row), _values(row)) for row in _rows(lines)]


def _name(row: dict[str, str]) -> str:
    """A server's is its address: in a configuration of the user's own it is called whatever they call it."""
    said = row.get("svname") or ""
    return NAMES.get(said, row.get("addr") or said)


def _rows(lines: str) -> Iterable[dict[str, str]]:
    return (row for row in csv.DictReader(io.StringIO(lines)) if row.get("svname"))


def _values(row: dict[str, str]) -> tuple[float | None, ...]:
    requests = _number(row, "req_tot") if row["svname"] == "FRONTEND" else _number(row, "stot")
    broken = [_number(row, each) or 0.0 for each in ("hrsp_5xx", "econ", "eresp")]
    status = row.get("status") or ""
    return (
        requests,
        sum(broken),
        _number(row, "hrsp_4xx"),
        _number(row, "qcur"),
        _number(row, "scur"),
        _number(row, "slim"),
        _number(row, "qtime"),
        _number(row, "ctime"),
        _number(row, "rtime"),
        float(status.startswith(("UP", "OPEN", "no check"))),
    )


def _number(row: dict[str, str], name: str) -> float | None:
    try:
        return float(row.get(name) or "")
    except ValueError:
        return None
