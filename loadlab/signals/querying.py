"""Where the user's code asks a database: the innermost line of the user's above a frame of a database driver.

Drivers, and the pools in front of them, are known by the package their files lie in: any program that uses one has them
in its stacks, whatever its own names are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath

from loadlab.recording.model import Frame, Recording, ServiceMeta
from loadlab.signals.frames import bare, shown, users_frame
from loadlab.signals.hot import Line
from loadlab.signals.missing import Missing

DRIVERS = frozenset(
    {"asyncpg", "psycopg", "psycopg2", "psycopg_pool", "pg8000", "aiopg", "sqlalchemy", "peewee", "tortoise", "django"}
)
OF_DJANGO = "db"
"""Of Django only the database layer counts."""

POOLS = {"psycopg_pool": "", "sqlalchemy": "pool", "psycopg2": "pool", "asyncpg": "pool", "urllib3": "connectionpool"}
"""Package -> the part of it that hands out connections; all of it where empty."""

WAITS = frozenset({"wait", "acquire", "get", "getconn", "_getconn_unchecked_nowait", "wait_for"})
"""Innermost functions of a thread that waits for somebody to give something back."""

FEWEST = 10
"""Samples from which on a line is named."""


@dataclass(frozen=True)
class Asking:
    """One service. lines: of the samples inside a driver; pool: of those that wait for a connection; pool_share: of all
    samples in the user's code, those that wait for one; cpu_share: of the samples on CPU, those inside a driver."""

    lines: tuple[Line, ...] = ()
    pool: tuple[Line, ...] = ()
    pool_share: float = 0.0
    cpu_share: float = 0.0


@dataclass(frozen=True)
class Querying:
    """By service; only services whose stacks could be read."""

    services: dict[str, Asking] = field(default_factory=dict)

    def of(self, service: str) -> Asking:
        """One service; nothing where its stacks could not be read."""
        return self.services.get(service, Asking())

    def line(self, service: str) -> Line | None:
        """The user's line most often found in a driver."""
        lines = self.of(service).lines
        return lines[0] if lines else None

    def pool_line(self, service: str) -> Line | None:
        """The user's line most often found waiting for a connection."""
        lines = self.of(service).pool
        return lines[0] if lines else None


def compute(recording: Recording) -> Querying:
    """Raises Missing where no stacks were taken."""
    if not recording.stacks:
        raise Missing("no stacks were taken")
    return Querying({meta.name: _asking(recording, meta) for meta in recording.meta.services})


def _asking(recording: Recording, meta: ServiceMeta) -> Asking:
    inside: Counter[tuple[str, str, int]] = Counter()
    pool: Counter[tuple[str, str, int]] = Counter()
    total = on_cpu = driving = 0
    for stacks in recording.stacks:
        for _, frames, count in stacks.samples if stacks.service == meta.name else ():
            if stacks.on_cpu:
                on_cpu += count
                driving += count if any(in_driver(each) for each in frames) else 0
            index = users_frame(meta, frames)
            if index is None:
                continue
            key = (frames[index].function, frames[index].file, frames[index].line)
            below = frames[index + 1 :]
            total += count if not stacks.on_cpu else 0
            if any(in_pool(each) for each in below) and bare(frames[-1].function) in WAITS:
                pool[key] += count if not stacks.on_cpu else 0
            elif any(in_driver(each) for each in below):
                inside[key] += count
    return Asking(
        _lines(meta, inside),
        _lines(meta, pool),
        sum(pool.values()) / total if total else 0.0,
        driving / on_cpu if on_cpu >= FEWEST else 0.0,
    )


def in_driver(frame: Frame) -> bool:
    """Whether a frame lies in a database driver."""
    package, rest = _package(frame)
    return package in DRIVERS and (package != "django" or OF_DJANGO in rest)


def in_pool(frame: Frame) -> bool:
    """Whether a frame lies in a pool of connections."""
    package, rest = _package(frame)
    return package in POOLS and (not POOLS[package] or POOLS[package] in rest)


def _package(frame: Frame) -> tuple[str, tuple[str, ...]]:
    """(the installed package a file lies in, the names below it without suffixes)."""
    parts = PurePath(frame.file).parts
    for folder in ("site-packages", "dist-packages"):
        if folder in parts:
            inner = [each.removesuffix(".py") for each in parts[len(parts) - parts[::-1].index(folder) :]]
            return inner[0], tuple(inner[1:])
    return "", ()


def _lines(meta: ServiceMeta, counts: Counter[tuple[str, str, int]]) -> tuple[Line, ...]:
    """By function, most first; each with its commonest line."""
    total = sum(counts.values())
    if total < FEWEST:
        return ()
    functions: Counter[tuple[str, str]] = Counter()
    for (function, file, _), count in counts.items():
        functions[(function, file)] += count
    found = []
    for (function, file), count in sorted(functions.items(), key=lambda item: (-item[1], item[0])):
        mine = [each for each in counts if each[:2] == (function, file)]
        line = max(mine, key=lambda each: (counts[each], -each[2]))[2]
        found.append(Line(function, shown(meta, file), line, count / total, ""))
    return tuple(found[:5])
