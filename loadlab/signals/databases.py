"""PostgreSQL servers from within: what their sessions did, which statements took the time, who waited for whose lock.

Sessions are means over all looks of the measured window: `active` = 3.2 says that on average 3.2 sessions were in a
statement (the average active sessions of the trade). By Little's law a statement's seconds per second are the same kind
of number: how many sessions were in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from loadlab.recording.model import Recording, Series, ServiceMeta
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean, peak, per_second, total
from loadlab.signals.windows import Window, measured

FEWEST_LOOKS = 20
"""Looks at a server's sessions: a mean of twenty is good enough to tell one session from three."""

SESSIONS = ("connections", "active", "on_cpu", "lock", "wal", "io", "lwlock", "client", "idle_in_transaction")
WRITTEN_BYTES = 50.0
"""Log written by a call: a changed row takes more. What reading writes now and then, to tidy up, is less on average."""
WRITES = ("insert", "update", "delete", "merge", "commit")
DOMINATES = 0.30
"""Share of the time in statements that one has to take to be what a database is about: below, the rest decides."""
SELECTIVE = 0.05
"""Share of a table's rows that are wanted. Past a twentieth the planner itself often prefers to read them all."""
MANY_ROWS = 1000.0
"""Rows of a table from which on reading them all costs more than the call itself: about 0.1 ms."""

SHOWN = 90
"""Letters of a statement in a sentence."""
PROGRAM = "postgres"
"""What the program calls itself in its command line, on every platform."""


OLD_S = 1.0
"""Age of what a replica shows, from which on it is late. A healthy one is milliseconds behind; who has just saved
sees the old page."""

BEHIND_BYTES = 16e6
"""Log still to apply, a segment of it, where the age is not told: it is not while nothing is applied."""

CROWDED = 0.9
"""Of the connections a server allows, mean share taken from which on it is full: one that ends and one that begins in
its place leave a moment between them."""


@dataclass(frozen=True)
class Server:
    """One server. sessions: mean number by what they did (SESSIONS). limit: connections there are for clients; peak:
    most at once. lag_s, lag_bytes: of a replica, means; lag_growth: bytes per second by which it fell behind."""

    service: str
    instance: int
    replica: bool
    sessions: dict[str, float]
    limit: float | None
    peak: float
    commits: float
    lag_s: float | None = None
    lag_bytes: float | None = None
    lag_growth: float = 0.0
    deadlocks: float = 0.0
    """Per second."""
    refused: float = 0.0
    """Clients per second that were turned away as all connections were taken, as the server's log says."""
    refused_ever: float = 0.0
    """How many in the whole run: a pool that was refused asks ever more rarely."""

    @property
    def is_late(self) -> bool:
        """Whether it is a replica that shows what is no longer so."""
        old = self.lag_s is not None and self.lag_s >= OLD_S
        return self.replica and (old or ((self.lag_bytes or 0.0) >= BEHIND_BYTES and self.lag_growth > 0))

    @property
    def is_full(self) -> bool:
        """Whether all its connections are taken all the time, and clients wanted more of them."""
        taken = self.sessions["connections"]
        return self.limit is not None and taken >= CROWDED * self.limit > 0 and self.refused_ever > 0


@dataclass(frozen=True)
class Statement:
    """One statement on one server. calls and seconds per second; rows, blocks (8 KB pages looked at) and wal (bytes
    written to the log) per call."""

    service: str
    instance: int
    text: str
    calls: float
    seconds: float
    rows: float
    blocks: float
    wal: float = 0.0

    @property
    def mean_ms(self) -> float:
        """Time of one call in the server."""
        return 1000 * self.seconds / self.calls if self.calls else 0.0

    @property
    def shown(self) -> str:
        """Its start, for a sentence."""
        return shown(self.text)

    @property
    def writes(self) -> bool:
        """Whether it changes something, as its first word says, or what it wrote."""
        return self.text.lower().startswith(WRITES) or self.wal >= WRITTEN_BYTES


@dataclass(frozen=True)
class Scan:
    """A whole table read by a statement's plan. rows: in the table; passing: rows the planner expects to be left, where
    the first few in order are wanted (limited) the rows returned; read: rows read for each call, as counted."""

    service: str
    text: str
    table: str
    condition: str
    rows: float
    passing: float
    read: float

    @property
    def in_vain(self) -> bool:
        """Whether an index would spare nearly all of it: planned so, and counted so."""
        return self.rows >= MANY_ROWS and self.read >= MANY_ROWS / 2 and self.passing <= SELECTIVE * self.rows


@dataclass(frozen=True)
class Lock:
    """A statement that waited for a lock. sessions: mean number that did; state, holder: of whom it waited for."""

    service: str
    waiting: str
    what: str
    state: str
    holder: str
    sessions: float


@dataclass(frozen=True)
class Databases:
    """Every PostgreSQL that loadlab started, most time first within each list."""

    servers: tuple[Server, ...] = ()
    statements: tuple[Statement, ...] = ()
    scans: tuple[Scan, ...] = ()
    locks: tuple[Lock, ...] = ()
    unplanned: tuple[str, ...] = field(default=())
    """Statements whose plan the server would not tell."""

    @property
    def services(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(sorted({each.service for each in self.servers}))

    def of(self, service: str) -> tuple[Server, ...]:
        """The primary and its replicas."""
        return tuple(each for each in self.servers if each.service == service)

    def sessions(self, service: str, what: str) -> float:
        """Mean number of sessions over all servers of a service."""
        return sum(each.sessions[what] for each in self.of(service))

    def deadlocks(self, service: str) -> float:
        """Per second, over all servers of a service."""
        return sum(each.deadlocks for each in self.of(service))

    def dominant(self, service: str) -> tuple[tuple[Statement, float], ...]:
        """The statements that take most of the time, and their share of it."""
        mine = self.run_by(service)
        total = sum(each.seconds for each in mine)
        return tuple((each, each.seconds / total) for each in mine if total and each.seconds >= DOMINATES * total)

    def scanned_in_vain(self, statement: Statement) -> tuple[Scan, ...]:
        """The tables a statement reads whole for a few of their rows, most rows first."""
        mine = [each for each in self.scans if (each.service, each.text) == (statement.service, statement.text)]
        return tuple(sorted((each for each in mine if each.in_vain), key=lambda each: -each.read))

    def run_by(self, service: str) -> tuple[Statement, ...]:
        """The statements of a service, those of all its servers together, most time first."""
        sums: dict[str, list[Statement]] = defaultdict(list)
        for each in self.statements:
            if each.service == service:
                sums[each.text].append(each)
        return tuple(sorted(map(_together, sums.values()), key=lambda each: (-each.seconds, each.text)))


def shown(text: str) -> str:
    """The start of a statement, for a sentence."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def compute(recording: Recording) -> Databases:
    """Empty where the system has no PostgreSQL. Raises Missing where it has one that loadlab did not start, and no
    other; or where one was not seen."""
    services = [each for each in recording.meta.services if each.unit == PROGRAM]
    if not services:
        foreign = _foreign(recording)
        if foreign:
            raise Missing(f"{foreign} was not started by loadlab, so nobody could ask it what its statements do")
        return Databases()
    window = measured(recording)
    servers = [each for service in services for each in _servers(recording, service, window)]
    statements = tuple(sorted(_statements(recording, window), key=lambda each: -each.seconds))
    return Databases(
        tuple(servers),
        statements,
        tuple(_scans(recording, window, statements)),
        tuple(sorted(_locks(recording, window), key=lambda each: -each.sessions)),
        tuple(each.entity.name for each in recording.series("postgres_scans.limited") if "\n" not in each.entity.name),
    )


def _foreign(recording: Recording) -> str:
    """A database that runs without loadlab's help: by its role, or by what its processes are."""
    for meta in recording.meta.services:
        if meta.role == "database":
            return meta.name
    for each in recording.series("process.rss_bytes"):
        program = each.entity.name.split(" ")[0].rstrip(":").rpartition("/")[2]
        if program == PROGRAM:
            return each.entity.service
    return ""


def _servers(recording: Recording, service: ServiceMeta, window: Window) -> list[Server]:
    found = []
    for looks in recording.series("postgres.looks", service=service.name):
        count = increase(looks, window)
        if count >= FEWEST_LOOKS:
            found.append(_server(recording, looks, count, window))
    if not found:
        ticks = recording.ticks.get(PROGRAM)
        why = ticks.errors[-1][1] if ticks is not None and ticks.errors else "nobody looked at its sessions"
        raise Missing(f"{service.name} was not seen from within: {why}")
    return found


def _server(recording: Recording, looks: Series, count: float, window: Window) -> Server:
    def series(name: str) -> Series | None:
        mine = recording.series(f"postgres.{name}", service=looks.entity.service, instance=looks.entity.instance)
        return mine[0] if mine else None

    def gauge(name: str) -> float | None:
        one = series(name)
        return None if one is None else mean(one, window)

    columns = {name: series(name) for name in (*SESSIONS, "commits", "connections_now", "lag_bytes", "deadlocks")}
    counts = {name: increase(one, window) / count if one is not None else 0.0 for name, one in columns.items()}
    now, commits, lag = columns["connections_now"], columns["commits"], columns["lag_bytes"]
    circles = columns["deadlocks"]
    turned_away = recording.series("postgres_log.refused", service=looks.entity.service, instance=looks.entity.instance)
    behind = [] if lag is None else [each for each in lag.between(window.start, window.end).v if each == each]
    return Server(
        looks.entity.service,
        looks.entity.instance,
        bool(gauge("replica")),
        {name: counts[name] for name in SESSIONS},
        gauge("connection_limit"),
        (peak(now, window) or 0.0) if now is not None else 0.0,
        per_second(commits, window) if commits is not None else 0.0,
        gauge("lag_s"),
        gauge("lag_bytes"),
        float(behind[-1] - behind[0]) / window.length if len(behind) > 1 else 0.0,
        per_second(circles, window) if circles is not None else 0.0,
        total(turned_away, window),
        sum(float(np.nanmax(each.v, initial=0.0)) for each in turned_away),
    )


def _statements(recording: Recording, window: Window) -> list[Statement]:
    columns = {
        name: {each.entity: increase(each, window) for each in recording.series(f"postgres_statements.{name}")}
        for name in ("calls", "seconds", "rows", "blocks", "wal_bytes")
    }
    return [
        Statement(
            entity.service,
            entity.instance,
            entity.name,
            calls / window.length,
            columns["seconds"].get(entity, 0.0) / window.length,
            columns["rows"].get(entity, 0.0) / calls,
            columns["blocks"].get(entity, 0.0) / calls,
            columns["wal_bytes"].get(entity, 0.0) / calls,
        )
        for entity, calls in columns["calls"].items()
        if calls >= 1
    ]


def _together(parts: list[Statement]) -> Statement:
    """One statement on several servers."""
    calls = sum(each.calls for each in parts)

    def a_call(name: str) -> float:
        return sum(getattr(each, name) * each.calls for each in parts) / calls if calls else 0.0

    seconds = sum(each.seconds for each in parts)
    return replace(
        parts[0], calls=calls, seconds=seconds, rows=a_call("rows"), blocks=a_call("blocks"), wal=a_call("wal")
    )


def _scans(recording: Recording, window: Window, statements: tuple[Statement, ...]) -> list[Scan]:
    """What a table's own counters say was read is shared among the statements whose plans read it, by the pages they
    looked at; what was read through its indexes, as any statement may, by their share of all pages."""
    run = {(each.service, each.instance, each.text): each for each in statements}
    limited = {each.entity: bool(mean(each, window)) for each in recording.series("postgres_scans.limited")}
    walked = {each.entity for each in recording.series("postgres_scans.ordered") if mean(each, window)}
    looked: dict[tuple[str, int], float] = defaultdict(float)
    for each in statements:
        looked[each.service, each.instance] += each.blocks * each.calls
    by_table: dict[tuple[str, int, str], list[tuple[Statement, str, float, bool]]] = defaultdict(list)
    for series in recording.series("postgres_scans.passing_rows"):
        text, *rest = series.entity.name.split("\n")
        statement = run.get((series.entity.service, series.entity.instance, text))
        passing = mean(series, window)
        if statement is None or len(rest) != 2 or passing is None:
            continue
        left = min(passing, statement.rows) if limited.get(series.entity) else passing
        user = (statement, rest[1], left, series.entity in walked)
        by_table[(series.entity.service, series.entity.instance, rest[0])].append(user)
    found = []
    for (service, instance, table), users in by_table.items():
        where = {"service": service, "instance": instance, "name": table}
        whole = total(recording.series("postgres_tables.scanned_rows", **where), window)
        by_index = total(recording.series("postgres_tables.index_rows", **where), window)
        rows = max((mean(each, window) or 0.0 for each in recording.series("postgres_tables.rows", **where)), default=0)
        pages = sum(each.blocks * each.calls for each, *_ in users)
        for each, condition, left, walks in users:
            mine = each.blocks * each.calls
            read = whole * (mine / pages if pages else 1 / len(users))
            read += by_index * mine / looked[service, instance] if walks and mine else 0.0
            found.append(Scan(service, each.text, table, condition, rows, left, read / each.calls))
    return found


def _locks(recording: Recording, window: Window) -> list[Lock]:
    looks = {
        (each.entity.service, each.entity.instance): increase(each, window)
        for each in recording.series("postgres.looks")
    }
    found = []
    for series in recording.series("postgres_locks.waiting"):
        words = series.entity.name.split("\n")
        count = looks.get((series.entity.service, series.entity.instance), 0.0)
        # A pair that was first seen inside the window began at its first count, not at nothing: one look in hundreds.
        sessions = increase(series, window) / count if count else 0.0
        if len(words) == 4 and sessions > 0:
            waiting, what, state, holder = words
            found.append(Lock(series.entity.service, waiting, what, state, holder, sessions))
    return found
