"""Requests wait for a connection of the application's own pool

What: every connection the application has to a database or another service is taken, more requests wait for one, and
the server has room.
Why: no more requests than connections are worked on at a time, whatever the machine could do.
Fix: give a connection back before slow work (calls to others, rendering); shorter transactions; then a bigger pool, as
far as the server's limit allows for all processes together.
Not: a slow database: there every connection is in a statement; worker_pool_exhausted: there nobody gets as far as the
pool.
Python: SQLAlchemy pool_size and max_overflow, asyncpg max_size; give the connection back before slow work.
Node: pg Pool max, Prisma connection_limit; release the client in finally, before other awaits.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, counted, percent, queued
from loadlab.rules._clients import BUSY, faults
from loadlab.rules._transactions import taken_by
from loadlab.signals import Signals
from loadlab.signals.pressure import Pressure

BRANCH = "database"
STEP = "bigger_pool"
RANK = 29
AT_LIMIT = True
ELASTIC = False
LIFTS = ("connections",)
NEEDS = ("databases", "pressure", "stations")
USES = ("querying", "workers", "edges", "threads")

MORE = 1.5
"""Requests in the application for each of its connections: below, hardly anybody waits for one."""

TAKEN = 0.75
"""Share of the connections that are in a statement or a transaction. A connection that is handed on at once is taken
but for the moment of handing it on."""

HELD = 0.5
"""Share of that time in which the client does something else, from which on the server is not what takes it; and share
of sessions in a statement that may wait for locks or the log without those being the cause."""

IN_POOL = 0.3
"""Share of the samples of threads in the user's code that stand in the pool."""


def check(s: Signals) -> Verdict:
    """Each database's caller, and each event loop's clients of other services."""
    found = [fault for name in s.databases.services for fault in _service(s, s.pressure[name])]
    # Requests that wait for the database's pool leave as few calls to others under way as it has connections.
    pooled = {fault.service for fault in found}
    found += [fault for fault in faults(s) if fault.service not in pooled]
    return Found(tuple(found)) if found else Clear("no request waits for a connection while the server has room")


def _service(s: Signals, pressure: Pressure) -> list[Fault]:
    name, connections = pressure.service, pressure.connections
    waits = max(s.databases.sessions(name, "lock"), s.databases.sessions(name, "wal"))
    active = s.databases.sessions(name, "active")
    if connections < 0.5 or pressure.inside < MORE * connections or pressure.full:
        return []
    if any(each.is_full for each in s.databases.servers if each.service == name):
        return []  # the server's own limit is what the pool has run into: database_connections
    if active >= 0.5 and waits > HELD * active:
        return []  # behind locks or the log a bigger pool only lengthens the queue
    reasons = _reasons(s, pressure, active)
    return [_fault(s, pressure, reasons)] if reasons else []


def _reasons(s: Signals, pressure: Pressure, active: float) -> list[Evidence]:
    """Each way in which it shows that every connection is taken."""
    name, connections = pressure.service, pressure.connections
    held = s.databases.sessions(name, "idle_in_transaction")
    every = max(s.databases.sessions(name, "connections"), 0.5)
    found = []
    if (active + held) / every >= TAKEN:
        what = "a transaction whose client did something else" if held > active else "a statement"
        share = (active + held) / every
        found.append(Evidence("taken", share, f"its connections were {percent(share)} taken, mostly by {what}", TAKEN))
    waiting = s.querying.of(pressure.caller).pool_share
    if waiting >= IN_POOL:
        says = f"{percent(waiting)} of its threads in user code stood in the pool of connections"
        found.append(Evidence("in_pool", waiting, says, IN_POOL))
    out = pressure.under_way
    idle = max((each.busy for each in s.stations.of(pressure.caller)), default=1.0) < BUSY
    if idle and TAKEN * connections <= out <= connections / TAKEN and pressure.inside >= 2 * connections:
        says = f"{out:.1f} requests at a time were under way behind {pressure.caller}, as many as it has connections"
        found.append(Evidence("under_way", out, says, connections))
    return found


def _fault(s: Signals, pressure: Pressure, reasons: list[Evidence]) -> Fault:
    where = blame(s.querying.pool_line(pressure.caller) or s.querying.line(pressure.caller))
    places = pressure.connections
    queue, between = pressure.inside - places, f"from {pressure.caller} to {pressure.service}"
    one = f"{places:.0f}" == "1"
    taken = f"the only connection {between} is taken" if one else f"all {places:.0f} connections {between} are taken"
    by, advice, seen = taken_by(s, pressure)
    evidence = (
        Evidence(
            "requests_per_connection",
            pressure.inside / places,
            f"{counted(pressure.inside, 'request')} in {pressure.caller} shared {counted(places, 'connection')}",
            MORE,
        ),
        *reasons,
        *seen,
        Evidence(
            "on_cpu",
            s.databases.sessions(pressure.service, "on_cpu"),
            f"{pressure.service} had room: {s.databases.sessions(pressure.service, 'on_cpu'):.1f} sessions computing",
        ),
    )
    return Fault(
        pressure.caller,
        f"{taken}{by}, and {queued(queue, places)}{at(where)}",
        evidence,
        advice,
        where=where,
        strength=min(1.0, queue / pressure.inside + 0.3),
        signals=1 + len(reasons),
    )
