"""Arrivals as they once were: from a CSV file or an access log to times, methods and paths. Pure but for `read`.

CSV: a header names the columns; a time (`time`, `timestamp` or `t`: seconds, or ISO 8601) and, where wanted, `method`
and `path` (or `url`). A file without a header is read as time, path or time, method, path.

Access log: the common and the combined format, as nginx and Apache write them. Their times are whole seconds, and of
the end of a request: what stands in one second is spread evenly over it, in its order.

A log has no bodies: only the methods asked for are sent, the others are counted. A path is sent to the system under
test, whatever host it names.
"""

from __future__ import annotations

import csv
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from urllib.parse import urlsplit

from loadlab.clock import moment
from loadlab.errors import SpecError
from loadlab.spec.model import Profile

LOG_LINE = re.compile(r'^\S+ .*?\[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<target>\S+)(?: HTTP/[\d.]+)?"')
LOG_TIME = "%d/%b/%Y:%H:%M:%S %z"
TIME_COLUMNS = ("time", "timestamp", "t", "date", "datetime")
PATH_COLUMNS = ("path", "url", "uri", "target")
NUMBER = re.compile(r"^\d+$|^[0-9a-fA-F]{16,}$|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
MOST_BAD = 0.5
"""Share of lines that cannot be read from which on the file is something else."""
MOST_LINES = 5_000_000
"""Lines that are read: a gigabyte of log. More than one run can send."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: seconds after the first one of the file, speed applied."""

    t: float
    method: str
    path: str


@dataclass(frozen=True)
class Replay:
    """What a file says. skipped: requests with a method that is not sent; unread: lines that are no request; left:
    requests later than the run lasts."""

    arrivals: tuple[Arrival, ...]
    skipped: int = 0
    unread: int = 0
    left: int = 0

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return self.arrivals[-1].t if self.arrivals else 0.0

    def rate(self, start: float, end: float) -> float:
        """Arrivals per second between two moments."""
        times = [each.t for each in self.arrivals]
        return (bisect_left(times, end) - bisect_left(times, start)) / (end - start) if end > start else 0.0


def of(profile: Profile) -> Replay | None:
    """What a profile of that shape sends; None for any other. Raises SpecError for a file that cannot be used."""
    if profile.shape != "replay" or profile.file is None:
        return None
    return read(Path(profile.file), profile.speed, profile.methods, profile.duration_s)


def read(path: Path, speed: float, methods: tuple[str, ...], most_s: float) -> Replay:
    """Raises SpecError for a file that cannot be read, is neither CSV nor an access log, or holds nothing to send."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            found = parse(islice(file, MOST_LINES), speed, methods, most_s)
    except OSError as error:
        raise SpecError([f"{path}: cannot be replayed: {error.strerror}"]) from error
    except ValueError as error:
        raise SpecError([f"{path}: cannot be replayed: {error}"]) from error
    if not found.arrivals:
        why = f"; {found.skipped} requests have other methods: see `methods`" if found.skipped else ""
        raise SpecError([f"{path}: holds no request with the methods {', '.join(methods)}{why}"])
    return found


def parse(lines: Iterable[str], speed: float, methods: tuple[str, ...], most_s: float) -> Replay:
    """Raises ValueError, with the first line that is wrong, where most lines are no requests."""
    rows = iter(lines)
    first = next((line for line in rows if line.strip()), "")
    read = _log if LOG_LINE.match(first) else _csv
    bad: list[str] = []
    found = list(read(chain([first], rows), bad))
    if not first or len(bad) > MOST_BAD * (len(found) + len(bad)):
        said = f'; the first line that is not: "{bad[0].strip()[:80]}"' if bad else ""
        raise ValueError(f"neither a CSV file with times nor an access log{said}")
    wanted = sorted(((t, method, path) for t, method, path in found if method in methods), key=lambda each: each[0])
    start = wanted[0][0] if wanted else 0.0
    times = [(t - start) / speed for t, _, _ in wanted]
    kept = bisect_left(times, most_s)
    arrivals = tuple(Arrival(t, method, path) for t, (_, method, path) in zip(times[:kept], wanted, strict=False))
    return Replay(arrivals, len(found) - len(wanted), len(bad), len(wanted) - kept)


def _log(lines: Iterator[str], bad: list[str]) -> Iterator[tuple[float, str, str]]:
    found: list[tuple[float, str, str]] = []
    for line in lines:
        match = LOG_LINE.match(line)
        second = moment(match["time"], LOG_TIME) if match else None
        if match is None or second is None:
            bad.extend([line] if line.strip() else [])
            continue
        found.append((second, match["method"], _path(match["target"])))
    many = Counter(second for second, _, _ in found)
    at: Counter[float] = Counter()
    for second, method, path in found:
        yield second + at[second] / many[second], method, path
        at[second] += 1


def _csv(lines: Iterator[str], bad: list[str]) -> Iterator[tuple[float, str, str]]:
    rows: Iterator[list[str]] = csv.reader(lines)
    first = next(rows, [])
    head = [each.strip().lower() for each in first]
    if not any(each in TIME_COLUMNS for each in head):
        names = ["time", "path"] if len(head) == 2 else ["time", "method", "path"]
        rows, head = chain([first], rows), names
    where = {name: at for at, name in enumerate(head)}
    time_at = next(where[name] for name in head if name in TIME_COLUMNS)
    path_at = next((where[name] for name in head if name in PATH_COLUMNS), None)
    for row in rows:
        second = _seconds(row[time_at]) if len(row) > time_at else None
        if second is None:
            bad.extend([",".join(row)] if row else [])
            continue
        yield second, _cell(row, where.get("method"), "GET").upper(), _path(_cell(row, path_at, "/"))


def _cell(row: list[str], at: int | None, default: str) -> str:
    return row[at].strip() if at is not None and at < len(row) and row[at].strip() else default


def _seconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return moment(text.strip())
    return found if math.isfinite(found) else None


def _path(target: str) -> str:
    """Of the system under test: a proxy's log has whole URLs."""
    if target.startswith("/"):
        return target
    parts = urlsplit(target)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def name(path: str) -> str:
    """What a path is counted as: without its query, numbers and ids as {id}."""
    parts = path.partition("?")[0].split("/")
    return "/".join("{id}" if NUMBER.match(each) else each for each in parts)
