"""Looks at PostgreSQL servers that loadlab started, each through a connection and a thread of its own.

Ten times a second at what every session does, once a second at the counters. Probes read what was gathered and never
wait for a server: one that has no time for an answer must not hold up the others' ticks.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from loadlab.clock import SYSTEM, Clock
from loadlab.probes import _postgres_sql as sql
from loadlab.probes._postgres_sql import Block, Scan
from loadlab.services import Target, Targets

if TYPE_CHECKING:
    from psycopg import Connection

LOOK_S = 0.1
"""Mean pause between two looks at the sessions: a hundred in ten seconds tell a share to within 5%. Each costs the
server about half a millisecond."""
COUNT_S = 1.0
AGAIN_S = 1.0
MOST_PLANS = 40
"""Statements that are asked for their plan, those that take most time first, one a second."""
PLAN_WITHIN_MS = 500


@dataclass
class Seen:
    """What was gathered of one server so far. sessions: sums over all looks; counters: as the server gives them."""

    looks: int = 0
    sessions: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    blocks: Counter[Block] = field(default_factory=Counter)
    limit: float | None = None
    replica: bool = False
    database: tuple[float, ...] = ()
    replication: dict[str, tuple[float, float]] = field(default_factory=dict)
    statements: dict[str, tuple[float, ...]] = field(default_factory=dict)
    tables: dict[str, tuple[float, ...]] = field(default_factory=dict)
    plans: dict[str, list[Scan] | None] = field(default_factory=dict)
    """None for a statement whose plan the server would not tell."""


class Watcher:
    """One server. `seen` is replaced, never changed, so that another thread may read it."""

    def __init__(self, target: Target, clock: Clock = SYSTEM) -> None:
        self.target = target
        self.error = ""
        self.seen = Seen()
        self._texts: dict[int, str] = {}
        self._originals: dict[str, str] = {}
        self._clock = clock
        self._random = random.Random(target.instance)  # noqa: S311 - no secret
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{target.service}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._thread.join(2.0)

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._connect() as connection:
                    self._watch(connection)
            except Exception as error:  # noqa: BLE001 - recorded, and tried again: a server that is killed comes back
                self.error = f"{self.target.service}-{self.target.instance}: {type(error).__name__}: {error}".strip()
                self._stop.wait(AGAIN_S)

    def _connect(self) -> Connection[Any]:
        try:
            import psycopg
        except ImportError as error:
            raise RuntimeError("watching PostgreSQL needs psycopg: pip install 'loadlab[services]'") from error
        status = self.target.status
        name = {"passfile": status["passfile"], "application_name": "loadlab", "connect_timeout": 5}
        return psycopg.connect(status["postgres"], autocommit=True, **name)  # type: ignore[arg-type]

    def _watch(self, connection: Connection[Any]) -> None:
        due = 0.0
        while not self._stop.is_set():
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + COUNT_S
                self._count(connection)
            self._look(connection)
            self.error = ""
            # Regular looks would miss, or see nothing but, what is as regular.
            self._stop.wait(LOOK_S * self._random.uniform(0.5, 1.5))

    def _look(self, connection: Connection[Any]) -> None:
        rows = connection.execute(sql.SESSIONS).fetchall()
        self.seen.now = sql.counted(rows)
        self.seen.sessions = self.seen.sessions + self.seen.now
        self.seen.blocks = self.seen.blocks + sql.blocks(rows, self._texts)
        self.seen.looks += 1

    def _count(self, connection: Connection[Any]) -> None:
        seen = self.seen
        if seen.limit is None:
            seen.limit, seen.replica = _first(connection, sql.LIMIT)
        seen.database = tuple(float(each or 0) for each in _first(connection, sql.DATABASES))
        if not seen.replica:
            rows = connection.execute(sql.REPLICATION).fetchall()
            seen.replication = {name: (seconds, size) for name, seconds, size in rows}
        seen.statements = self._statements(connection)
        seen.tables = {name: tuple(values) for name, *values in connection.execute(sql.TABLES).fetchall()}
        self._plan(connection)

    def _statements(self, connection: Connection[Any]) -> dict[str, tuple[float, ...]]:
        rows = connection.execute(sql.STATEMENTS).fetchall()
        unknown = [row[0] for row in rows if row[0] not in self._texts]
        if unknown:
            texts = connection.execute(sql.TEXTS, (unknown,)).fetchall()
            self._texts |= {number: sql.squeezed(text or "") for number, text in texts}
            self._originals |= {sql.squeezed(text or ""): text for _, text in texts}
        found: dict[str, tuple[float, ...]] = {}
        for number, *values in rows:
            text = self._texts.get(number, "")
            before = found.get(text, (0.0,) * len(values))
            found[text] = tuple(a + b for a, b in zip(before, values, strict=True))
        found.pop("", None)
        return found

    def _plan(self, connection: Connection[Any]) -> None:
        """The plan of one more statement. EXPLAIN does not run it, and what planning may run is the owner's right."""
        plans = self.seen.plans
        text = next((each for each in self.seen.statements if each not in plans and sql.has_plan(each)), None)
        if text is None or len(plans) >= MOST_PLANS:
            return
        plan = None
        with suppress(Exception):  # with $1 where a literal has to stand, a text is no statement any more
            plan = self._explained(connection, text)
        self.seen.plans = plans | {text: None if plan is None else sql.scans(plan)}

    def _explained(self, connection: Connection[Any], text: str) -> dict[str, Any]:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL ROLE loadlab")
            connection.execute(f"SET LOCAL statement_timeout = {PLAN_WITHIN_MS}".encode())
            connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            # Text, not a parameter: it is the server's own, and PREPARE takes exactly one statement.
            connection.execute(f"PREPARE loadlab_plan AS {self._originals[text]}".encode())
            try:
                count = _first(connection, sql.PARAMETERS)[0]
                values = f"({', '.join(['NULL'] * count)})" if count else ""
                explained = _first(connection, f"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE loadlab_plan{values}")
            finally:
                with suppress(Exception):  # where the transaction failed it is forgotten with it
                    connection.execute("DEALLOCATE loadlab_plan")
        plan: dict[str, Any] = explained[0][0]["Plan"]
        return plan


def _first(connection: Connection[Any], query: str) -> tuple[Any, ...]:
    return tuple(connection.execute(query.encode()).fetchone() or ())


class Engine:
    """The watchers of a run, one for each server that runs."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._watchers: dict[tuple[str, int], Watcher] = {}
        self._users = 0

    def watchers(self) -> list[Watcher]:
        """One for each PostgreSQL that answers now. Raises RuntimeError where none of them does any more."""
        alive = {(each.service, each.instance): each for each in self._targets.now() if "postgres" in each.status}
        for key in [each for each in self._watchers if each not in alive]:
            self._watchers.pop(key).close()
        for key, target in alive.items():
            if key not in self._watchers:
                self._watchers[key] = Watcher(target)
        all_ = list(self._watchers.values())
        good = [each for each in all_ if not each.error and each.seen.looks]
        errors = [each.error for each in all_ if each.error]
        if errors and not good:
            raise RuntimeError("; ".join(errors))
        return good

    def use(self) -> Engine:
        """One probe more that reads from it."""
        self._users += 1
        return self

    def release(self) -> None:
        """One probe less; the last one ends the watching."""
        self._users -= 1
        if self._users <= 0:
            for each in self._watchers.values():
                each.close()
            self._watchers.clear()


_engines: WeakKeyDictionary[Targets, Engine] = WeakKeyDictionary()


def engine(targets: Targets) -> Engine:
    """The engine of these targets; the caller must `release` it."""
    return _engines.setdefault(targets, Engine(targets)).use()
