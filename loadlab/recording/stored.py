"""samples.sqlite, the reading side. A file that is damaged gives what can still be read, and says in `ticks` what
cannot."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from loadlab.errors import RecordingError
from loadlab.recording.format import FORMAT, NAME, SAMPLES
from loadlab.recording.model import Entity, Event, Floats, RequestInterval, Series, Ticks

CHUNK = 5_000
"""Rows turned into an array at a time: the memory of the rows as Python objects stays below 20 MB."""

# No ORDER BY: it would read a table to its end before the first row, and a damaged one has no end.
EVENTS = "SELECT t, kind, service, instance, pid, data FROM events"
REQUESTS = "SELECT t, t_end, endpoint, result, count, sum_ms, p50_ms, p95_ms, p99_ms, max_ms FROM requests"
ENTITIES = "SELECT id, kind, service, instance, pid, tid, name FROM entities"
TICKS = "SELECT t, probe, late_ms, cost_ms, error FROM ticks"
METRICS = "SELECT probe, name FROM metrics"


@dataclass
class Stored:
    """What samples.sqlite holds. `damage`: per table, what could not be read."""

    series: dict[str, tuple[Series, ...]] = field(default_factory=dict)
    ticks: dict[str, Ticks] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    requests: tuple[RequestInterval, ...] = ()
    damage: dict[str, str] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The last second seen."""
        times = [float(each.t[-1]) for each in self.ticks.values() if len(each.t)]
        times += [each.t for each in self.events] + [each.end for each in self.requests]
        return max(times, default=0.0)


def read_samples(folder: Path) -> Stored:
    """Empty where there is no file. Raises RecordingError where it is none of ours, or of a newer format."""
    path = folder / SAMPLES
    stored = Stored()
    if not path.exists() or path.stat().st_size == 0:
        return stored
    with _open(path, stored.damage) as db:
        _check(db, path)
        stored.ticks = _ticks(db, stored.damage)
        events = _events(_rows(db, EVENTS, "events", stored.damage))
        stored.events = tuple(sorted(events, key=lambda each: each.t))
        requests = _requests(_rows(db, REQUESTS, "requests", stored.damage))
        stored.requests = tuple(sorted(requests, key=lambda each: each.start))
        entities = _entities(_rows(db, ENTITIES, "entities", stored.damage))
        for probe, metrics in _catalogue(db, stored.damage).items():
            stored.series.update(_series(db, probe, metrics, entities, stored.damage))
    for table, why in stored.damage.items():
        before = stored.ticks.get(table, Ticks(np.empty(0), np.empty(0), np.empty(0)))
        stored.ticks[table] = Ticks(before.t, before.late_ms, before.cost_ms, (*before.errors, (stored.end, why)))
    return stored


@contextmanager
def _open(path: Path, damage: dict[str, str]) -> Iterator[sqlite3.Connection]:
    """Read-only; from a copy where the file cannot be opened in its place. That is a killed run's in a folder that
    may not be written in (SQLite needs to write beside a WAL), or one that was cut off."""
    with ExitStack() as stack:
        try:
            db = _connect(path)
        except sqlite3.DatabaseError:
            try:
                copy = _copy(path, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadlab-"))))
                if _mended(copy):
                    damage["recorder"] = f"{SAMPLES} was cut off; what is left of it was read"
                db = _connect(copy)
            except (sqlite3.DatabaseError, OSError) as error:
                raise RecordingError(
                    f"{path}: cannot be read as SQLite ({error}); the file was altered, make the run again"
                ) from error
        stack.callback(db.close)
        yield db


def _mended(path: Path) -> bool:
    """Whether the file is shorter than its header says. This copy is then made as long again, with empty pages:
    SQLite refuses a cut file as a whole, though the pages that are left are sound."""
    with path.open("r+b") as file:
        header = file.read(100)
        length = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
        if not header.startswith(b"SQLite format 3\0") or path.stat().st_size >= length:
            return False
        file.truncate(length)
    return True


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None)
    try:
        db.text_factory = _text
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    except UnicodeDecodeError as error:  # SQLite's own message repeats the damaged text
        db.close()
        raise sqlite3.DatabaseError("its schema is damaged") from error
    return db


def _copy(path: Path, folder: Path) -> Path:
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / path.name


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _check(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise RecordingError(f"{path}: format {found}; this loadlab reads up to {FORMAT}: update loadlab")


def _rows(db: sqlite3.Connection, sql: str, table: str, damage: dict[str, str]) -> list[tuple[Any, ...]]:
    """The rows up to where the file is damaged."""
    rows: list[tuple[Any, ...]] = []
    try:
        rows.extend(db.execute(sql))
    except sqlite3.DatabaseError as error:
        damage[table] = f"{SAMPLES} is damaged: {error}; {len(rows)} rows of {table} could be read"
    return rows


def _ticks(db: sqlite3.Connection, damage: dict[str, str]) -> dict[str, Ticks]:
    rows: dict[str, list[tuple[float, float, float]]] = {}
    errors: dict[str, list[tuple[float, str]]] = {}
    for t, probe, late_ms, cost_ms, error in _rows(db, TICKS, "ticks", damage):
        if isinstance(t, float) and isinstance(probe, str):
            rows.setdefault(probe, []).append((t, _number(late_ms), _number(cost_ms)))
            if error is not None:
                errors.setdefault(probe, []).append((t, str(error)))
    return {probe: _tick_series(each, tuple(errors.get(probe, ()))) for probe, each in sorted(rows.items())}


def _tick_series(rows: Sequence[tuple[float, float, float]], errors: tuple[tuple[float, str], ...]) -> Ticks:
    t, late_ms, cost_ms = np.array(sorted(rows), dtype=np.float64).T.copy()
    return Ticks(t, late_ms, cost_ms, tuple(sorted(errors)))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _events(rows: Sequence[tuple[Any, ...]]) -> Iterator[Event]:
    for t, kind, service, instance, pid, text in rows:
        try:
            data = json.loads(text)
            yield Event(
                float(t), str(kind), str(service), int(instance), int(pid), data if isinstance(data, dict) else {}
            )
        except (ValueError, TypeError, RecursionError):
            continue


def _requests(rows: Sequence[tuple[Any, ...]]) -> Iterator[RequestInterval]:
    for start, end, endpoint, result, count, *figures in rows:
        try:
            sum_ms, p50, p95, p99, top = (float(each) for each in figures)
            yield RequestInterval(
                float(start), float(end), str(endpoint), str(result), int(count), sum_ms, p50, p95, p99, top
            )
        except (ValueError, TypeError):
            continue


def _entities(rows: Sequence[tuple[Any, ...]]) -> dict[int, Entity]:
    found = {}
    for number, kind, service, instance, pid, tid, name in rows:
        try:
            found[int(number)] = Entity(str(kind), str(service), int(instance), int(pid), int(tid), str(name))
        except (ValueError, TypeError):
            continue
    return found


def _catalogue(db: sqlite3.Connection, damage: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for probe, name in _rows(db, METRICS, "metrics", damage):
        if isinstance(probe, str) and isinstance(name, str) and NAME.match(probe) and NAME.match(name):
            found.setdefault(probe, []).append(name)
    return found


def _series(
    db: sqlite3.Connection, probe: str, metrics: Sequence[str], entities: Mapping[int, Entity], damage: dict[str, str]
) -> dict[str, tuple[Series, ...]]:
    table = _table(db, probe, metrics, damage)
    found: dict[str, list[Series]] = {f"{probe}.{name}": [] for name in metrics}
    for entity, part in _by_entity(table, entities):
        t = part[:, 0].copy()
        for column, name in enumerate(metrics, start=2):
            found[f"{probe}.{name}"].append(Series(entity, name, t, part[:, column].copy()))
    return {name: tuple(each) for name, each in found.items() if each}


def _table(db: sqlite3.Connection, probe: str, metrics: Sequence[str], damage: dict[str, str]) -> Floats:
    """The whole table as an array, a row a row: t, entity, metrics. NULL becomes NaN."""
    columns = ", ".join(f'"{name}"' for name in ("t", "entity", *metrics))
    chunks = [np.empty((0, len(metrics) + 2))]
    try:
        cursor = db.execute(f'SELECT {columns} FROM "{probe}"')  # noqa: S608 - names checked by _catalogue
        while rows := cursor.fetchmany(CHUNK):
            chunks.append(np.array(rows, dtype=np.float64))
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        read = sum(len(each) for each in chunks)
        damage[probe] = f"{SAMPLES} is damaged: {error}; {read} rows of {probe} could be read"
    return np.concatenate(chunks)


def _by_entity(table: Floats, entities: Mapping[int, Entity]) -> Iterator[tuple[Entity, Floats]]:
    """The rows of each entity, t strictly increasing, in the entities' order. Several numbers may stand for one
    entity."""
    if not entities:
        return
    order = sorted(set(entities.values()))
    place = {entity: index for index, entity in enumerate(order)}
    numbers = np.array(sorted(entities), dtype=np.float64)
    places = np.array([place[entities[number]] for number in sorted(entities)])
    at = np.minimum(np.searchsorted(numbers, table[:, 1]), len(numbers) - 1)
    known = (numbers[at] == table[:, 1]) & np.isfinite(table[:, 0])
    table, owner = table[known], places[at[known]]
    sorting = np.lexsort((table[:, 0], owner))
    table, owner = table[sorting], owner[sorting]
    borders = np.flatnonzero(np.diff(owner)) + 1
    for part in np.split(np.arange(len(owner)), borders):
        if len(part):
            rows = table[part]
            yield order[owner[part[0]]], rows[np.concatenate(([True], np.diff(rows[:, 0]) > 0))]
