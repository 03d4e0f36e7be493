"""PostgreSQL in a made recording: what the probes would have seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from loadlab.recording.model import Entity
from tests.build import Builder, Proc

LOOKS = 10.0
"""Per second, as the probe does."""


@dataclass
class Pg:
    """One server: mean sessions by what they did; statements {text: (calls/s, seconds/s, rows and blocks a call)}; wal
    {text: bytes a call};
    scans {(text, table, condition): (passing, limited)}; tables {name: (rows, rows read/s)}; walked {table: rows read
    through an index/s}, its scans are then ordered; locks {(waiting, kind, state, holder): sessions}."""

    sessions: dict[str, float] = field(default_factory=dict)
    statements: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    scans: dict[tuple[str, str, str], tuple[float, bool]] = field(default_factory=dict)
    tables: dict[str, tuple[float, float]] = field(default_factory=dict)
    walked: dict[str, float] = field(default_factory=dict)
    locks: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    unplanned: tuple[str, ...] = ()
    wal: dict[str, float] = field(default_factory=dict)
    limit: float = 97
    peak: float | None = None
    commits: float = 0.0
    lag: tuple[float, float] | None = None
    """Of a replica: seconds, bytes."""
    lag_growth: float = 0.0
    cores: float = 0.5
    refused: float = 0.0


def add(built: Builder, name: str, *servers: Pg) -> Builder:
    """A service of one primary and its replicas."""
    built.service(name, *(Proc(cores=each.cores, busy=0.3, instance=at) for at, each in enumerate(servers)))
    built.services[name] = replace(built.services[name], unit="postgres", role="database")
    for instance, server in enumerate(servers):
        _server(built, name, instance, server)
    return built


def behind_app(
    *servers: Pg, waiting: float = 12.0, app: Proc | None = None, noise: float = 0.0, **more: float
) -> Builder:
    """app, at a limit, whose 16 requests wait for db. more: `cores` of the machine (2), `rps`, `failed`, `inside`."""
    cores = int(more.pop("cores", 2))
    failed = more.pop("failed", 0.0)
    built = Builder(noise=noise, cores=cores).service("app", app or Proc(cores=0.25, busy=0.3))
    built.load(more.pop("rps", 200.0), failed=failed).generator()
    add(built, "db", *servers)
    built.edge("generator", "app", outstanding=more.pop("inside", 16.0))
    built.edge("app", "db", outstanding=waiting, connections=sum(each.sessions["connections"] for each in servers))
    return built.host()


def _server(built: Builder, name: str, instance: int, pg: Pg) -> None:
    entity = Entity("server", name, instance)
    built.counter("postgres.looks", entity, LOOKS, before=LOOKS)
    for what in ("connections", "active", "on_cpu", "lock", "wal", "io", "lwlock", "client", "idle_in_transaction"):
        built.counter(f"postgres.{what}", entity, LOOKS * pg.sessions.get(what, 0.0))
    built.gauge("postgres.connections_now", entity, pg.sessions.get("connections", 0) if pg.peak is None else pg.peak)
    built.gauge("postgres.connection_limit", entity, pg.limit)
    built.counter("postgres.commits", entity, pg.commits)
    built.counter("postgres_log.refused", entity, pg.refused)
    built.gauge("postgres.replica", entity, float(instance > 0))
    if pg.lag is not None:
        built.gauge("postgres.lag_s", entity, pg.lag[0])
        built.add("postgres.lag_bytes", entity, pg.lag[1] + pg.lag_growth * built.t)
    for text, (calls, seconds, rows, blocks) in pg.statements.items():
        one = Entity("statement", name, instance, name=text)
        per_s = {"calls": calls, "seconds": seconds, "rows": rows * calls, "blocks": blocks * calls}
        per_s["wal_bytes"] = pg.wal.get(text, 0.0) * calls
        for metric, value in per_s.items():
            built.counter(f"postgres_statements.{metric}", one, value)
    for (text, table, condition), (passing, limited) in pg.scans.items():
        one = Entity("scan", name, instance, name=f"{text}\n{table}\n{condition}")
        built.gauge("postgres_scans.passing_rows", one, passing)
        built.gauge("postgres_scans.limited", one, float(limited))
        built.gauge("postgres_scans.ordered", one, float(table in pg.walked))
    for text in pg.unplanned:
        built.gauge("postgres_scans.limited", Entity("scan", name, instance, name=text), float("nan"))
    for table, (rows, read) in pg.tables.items():
        one = Entity("table", name, instance, name=table)
        built.gauge("postgres_tables.rows", one, rows)
        built.counter("postgres_tables.scanned_rows", one, read)
        built.counter("postgres_tables.index_rows", one, pg.walked.get(table, 0.0))
    for key, sessions in pg.locks.items():
        built.counter("postgres_locks.waiting", Entity("lock", name, instance, name="\n".join(key)), LOOKS * sessions)
