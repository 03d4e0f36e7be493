"""errors.jsonl: a line whenever a kind of error was seen again; the last line of a kind counts.

Each line stands for itself, but `sample`, the one full message, is only in a kind's first line. While the file is
small a line is written each second; past FULL_BYTES each SLOW_S, so that two hundred kinds for an hour stay a few
megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO

from loadlab.errors import RecordingError
from loadlab.load import Failures
from loadlab.recording.format import ERRORS, MAX_ERROR_KINDS, OTHER, clean
from loadlab.recording.model import ErrorKind

FULL_BYTES = 2_000_000
SLOW_S = 30.0

Key = tuple[str, str]


class ErrorLog:
    """Writes errors.jsonl. One thread only. Raises OSError where the disk does not take it."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[str] = (folder / ERRORS).open("x", encoding="ascii", newline="\n")
        self._kinds: dict[Key, ErrorKind] = {}
        self._changed: set[Key] = set()
        self._begun: set[Key] = set()
        self._written = 0.0

    def add(self, errors: Iterable[Failures], name: Callable[[str], str]) -> None:
        """Take the failures of one interval. `name` gives an endpoint's name as it is stored."""
        for each in errors:
            key = (name(each.endpoint), clean(each.error))
            if key not in self._kinds and len(self._kinds) >= MAX_ERROR_KINDS:
                key = (OTHER, OTHER)
            known = self._kinds.get(key)
            if known is None:
                known = ErrorKind(*key, count=0, first=each.first, last=each.last, sample=clean(each.sample, 4000))
            self._kinds[key] = replace(
                known,
                count=known.count + each.count,
                first=min(known.first, each.first),
                last=max(known.last, each.last),
            )
            self._changed.add(key)

    def write(self, t: float) -> None:
        """Hand what changed to the kernel. `t` is now."""
        if not self._changed or (self._file.tell() > FULL_BYTES and t - self._written < SLOW_S):
            return
        for key in sorted(self._changed):
            kind = self._kinds[key]
            line = {"endpoint": key[0], "error": key[1], "count": kind.count, "first": kind.first, "last": kind.last}
            if key not in self._begun:
                line["sample"] = kind.sample
            self._file.write(json.dumps(line) + "\n")
        self._begun |= self._changed
        self._changed.clear()
        self._written = t
        self._file.flush()

    def close(self) -> None:
        """Write the rest and close."""
        try:
            self._written = float("-inf")
            self.write(0.0)
        finally:
            self._file.close()


def read_errors(path: Path) -> tuple[ErrorKind, ...]:
    """The kinds, most frequent first; lines that are torn or altered are passed over. Raises RecordingError where the
    file is there and cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    found: dict[Key, ErrorKind] = {}
    for line in data.split(b"\n"):
        kind = _parse(line)
        if kind is not None:
            before = found.get((kind.endpoint, kind.error))
            found[kind.endpoint, kind.error] = replace(kind, sample=kind.sample or (before.sample if before else ""))
    return tuple(sorted(found.values(), key=lambda each: (-each.count, each.endpoint, each.error)))


def _parse(line: bytes) -> ErrorKind | None:
    try:
        row = json.loads(line)
        first, last = float(row["first"]), float(row["last"])
        return ErrorKind(
            str(row["endpoint"]), str(row["error"]), int(row["count"]), first, last, str(row.get("sample", ""))
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
