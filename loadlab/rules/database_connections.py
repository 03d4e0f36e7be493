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

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.databases import Server

BRANCH = "database"
STEP = "pooler"
RANK = 19
AT_LIMIT = False
ELASTIC = False
LIFTS = ("connections",)
NEEDS = ("databases", "latency", "saturation")
USES = ()

FAILING = 0.01
"""Share of requests that fail: a pool that is exactly as large as the limit does no harm."""

REFUSED = 0.01
"""Refused clients for each request, from which on they count like failed requests: of those who are told nothing of it,
that many wait until somebody has asked again."""

NEARLY = 0.9
"""Share of the limit seen at once. A connection that is still being made or just ending holds its place unseen."""


def check(s: Signals) -> Verdict:
    """Each server's connections against its limit."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    # Of any level that lasted: with few users a lucky share of the connections hides it.
    levels = [each.failed_rps / (each.rps + each.failed_rps) for each in s.saturation.steps if each.failed_rps]
    failing = max((s.latency.error_rate, *levels))
    full = [each for each in s.databases.servers if each.limit is not None and each.peak >= NEARLY * each.limit]
    harmed = [each for each in full if failing >= FAILING or each.refused >= REFUSED * s.latency.rps > 0]
    if not harmed:
        return Clear("no server is full while it refuses clients or requests fail")
    return Found(tuple(_fault(each, each.limit or 0.0, failing) for each in harmed))


def _fault(server: Server, limit: float, failing: float) -> Fault:
    harm = Evidence("error_rate", failing, f"up to {percent(failing)} of the requests failed", FAILING)
    refused = Evidence(
        "refused", server.refused, f"it turned {server.refused:.1f} clients away each second, as it logs"
    )
    return Fault(
        server.service,
        f"{server.service} has as many connections as it allows ({limit:.0f}), and refuses more",
        (
            Evidence("connections", server.peak, f"{server.peak:.0f} clients seen at once, {limit:.0f} may be", limit),
            *((harm,) if failing >= FAILING else ()),
            *((refused,) if server.refused else ()),
        ),
        "Give each process a smaller pool, or put a pooler between; then raise max_connections.",
        instance=server.instance,
        strength=1.0,
        signals=2,
    )
