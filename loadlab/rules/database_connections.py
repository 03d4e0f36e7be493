"""The database server's own connection limit is reached

What: as many clients are connected as the server allows; requests fail, or wait while the application, its pool or
its driver asks again for a connection.
Why: the next client is refused (too many clients, 53300); each connection is a process of the server's, so that the
limit is there for a reason. Pools of several processes add up, and none of them knows of the others.
Fix: fewer connections for each process of the application, or a pooler (PgBouncer) between them; then max_connections.
Not: connection_pool_exhausted: there the application waits for its own pool, and nobody is refused.
Python: workers x pool_size below max_connections; PgBouncer between.
Node: cluster workers x max below max_connections; PgBouncer between.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, counted, percent
from loadlab.rules._transactions import held_for
from loadlab.signals import Signals
from loadlab.signals.databases import Server

BRANCH = "database"
STEP = "pooler"
RANK = 19
AT_LIMIT = False
ELASTIC = False
LIFTS = ("connections",)
NEEDS = ("databases", "latency", "saturation")
USES = ("pressure", "querying", "edges")

FAILING = 0.01
"""Share of requests that fail, from which on a server that is full is taken for the reason: a pool that is exactly as
large as the limit does no harm."""

BLAMED = 0.5
"""Clients that its log says it turned away, for each request that failed in the run, from which on it is the reason,
however few they were. A pool asks again for some of them, and other things fail."""

REFUSED = 0.01
"""Refused clients for each request, from which on they count like failed requests: of those who are told nothing of it,
that many wait until somebody has asked again."""

NEARLY = 0.9
"""Share of the limit seen at once. A connection that is still being made or just ending holds its place unseen."""


MORE = 1.5
"""Requests in the application for each of its connections, as in connection_pool_exhausted."""


def check(s: Signals) -> Verdict:
    """Each server's connections against its limit."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    # Of any level that lasted: with few users a lucky share of the connections hides it.
    levels = [each.failed_rps / (each.rps + each.failed_rps) for each in s.saturation.steps if each.failed_rps]
    failing = max((s.latency.error_rate, *levels))
    full = [each for each in s.databases.servers if each.limit is not None and each.peak >= NEARLY * each.limit]
    harmed = [
        each
        for each in full
        if failing >= FAILING
        or (failing > 0 and _is_why(s, each))
        or each.refused >= REFUSED * s.latency.rps > 0
        or (each.is_full and _waits(s, each))
    ]
    if not harmed:
        return Clear("no server is full while it refuses clients, or requests fail or wait for a connection")
    return Found(tuple(_fault(s, each, failing) for each in harmed))


def _is_why(s: Signals, server: Server) -> bool:
    """Whether about as many clients were turned away as requests failed."""
    return server.refused_ever >= BLAMED * s.latency.failed_ever > 0


def _waits(s: Signals, server: Server) -> bool:
    """Whether more requests are in its caller than that has connections: its pool was refused more, and they wait."""
    pressure = s.pressure.get(server.service)
    return pressure is not None and pressure.inside >= MORE * pressure.connections > 0


def _fault(s: Signals, server: Server, failing: float) -> Fault:
    limit, pressure = server.limit or 0.0, s.pressure.get(server.service)
    to, held = held_for(s, pressure) if pressure is not None else ("", [])
    evidence = [
        Evidence("connections", server.peak, f"{server.peak:.0f} clients seen at once, {limit:.0f} may be", limit)
    ]
    if failing >= FAILING:
        says = f"up to {percent(failing)} of the requests failed"
        evidence.append(Evidence("error_rate", failing, says, FAILING))
    elif failing > 0 and _is_why(s, server):
        count = s.latency.failed_ever
        evidence.append(Evidence("failed", count, f"{counted(count, 'request')} failed in this run"))
    if server.refused_ever:
        says = f"it turned {server.refused_ever:.0f} clients away in this run, as its log says"
        evidence.append(Evidence("refused", server.refused_ever, says))
    if pressure is not None and _waits(s, server):
        says = f"{counted(pressure.inside, 'request')} were in {pressure.caller} at a time, and wait for one"
        evidence.append(Evidence("requests_per_connection", pressure.inside / pressure.connections, says, MORE))
    where = blame(s.querying.pool_line(pressure.caller)) if pressure is not None else None
    idle = server.sessions["idle_in_transaction"]
    held_by = f", {idle:.0f} of them held by transactions that wait for {to}" if to else ""
    return Fault(
        server.service,
        f"{server.service} has as many connections as it allows ({limit:.0f}){held_by}, and refuses more{at(where)}",
        (*evidence, *held),
        f"Ask {to} before or after the transaction, not in it; then put a pooler between, or raise max_connections."
        if to
        else "Give each process a smaller pool, or put a pooler between; then raise max_connections.",
        instance=server.instance,
        where=where,
        strength=1.0,
        signals=2,
    )
