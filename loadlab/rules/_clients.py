"""Part of connection_pool_exhausted: an event loop whose client of another service keeps few connections."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, percent, queued
from loadlab.signals import Signals
from loadlab.signals.edges import Edge
from loadlab.signals.stations import FULL
from loadlab.signals.workers import Workers

MORE = 1.5
"""Calls that the requests in the process want to have under way, for each of its connections: below, hardly anybody
waits for one."""

TAKEN = 0.8
"""Share of the connections on which an answer is awaited: a pool hands one on at once, the next request takes a moment
to use it."""

BUSY = 0.85
"""An application busier than this may itself be what requests wait for."""

AS_MANY = 1.5
"""By how much the number served at a time by Little's law may differ from that of the connections: both are means, and
latency at one user is known to a fifth."""


def faults(s: Signals) -> list[Fault]:
    """One for each loop and service behind it."""
    return [_fault(s, each, edge) for each, edge in taken(s)]


def taken(s: Signals) -> list[tuple[Workers, Edge]]:
    """Loops, each with the connections of which it has too few."""
    found = []
    for each in s.workers.all:
        name = each.entity.service
        loop = s.threads.loop(name, each.entity.pid)
        if loop is None or loop.busy > BUSY or each.taken or len(s.workers.of(name)) > 1:
            continue
        found += [(each, edge) for edge in s.edges.out_of(name) if _taken(s, each, edge)]
    return found


def _taken(s: Signals, each: Workers, edge: Edge) -> bool:
    at_once, abreast = s.workers.at_once, s.edges.abreast(edge.source, edge.to)
    if any(one.name == edge.to and one.unit == "postgres" for one in s.meta.services):
        return False  # which knows more of its connections
    if edge.connections < 1.5 or each.inside * abreast < MORE * edge.connections:
        return False
    if edge.outstanding < TAKEN * edge.connections or at_once is None:
        return False
    room = not any(other.full or other.busy >= FULL for other in s.stations.of(edge.to))
    return room and edge.connections / AS_MANY <= at_once * abreast <= edge.connections * AS_MANY


def _fault(s: Signals, each: Workers, edge: Edge) -> Fault:
    name, abreast = each.entity.service, s.edges.abreast(edge.source, edge.to)
    wanted = each.inside * abreast
    where = blame(s.querying.pool_line(name))
    taken = edge.outstanding / edge.connections
    busy = max((other.busy for other in s.stations.of(edge.to)), default=0.0)
    beside = f", with {abreast:.1f} calls at a time each," if abreast > 1 else ""
    return Fault(
        name,
        f"all {edge.connections:.0f} connections from {name} to {edge.to} are taken, and "
        f"{queued(wanted - edge.connections, edge.connections, 'call' if beside else 'request')}{at(where)}",
        (
            Evidence("requests_per_connection", wanted / edge.connections,
                     f"{each.inside:.0f} requests in {name}{beside} shared {edge.connections:.0f} connections", MORE),
            Evidence("taken", taken, f"{percent(taken)} of them awaited an answer at any time", TAKEN),
            Evidence("at_once", s.workers.at_once or 0.0,
                     f"as many requests were served as with {s.workers.at_once or 0.0:.1f} at a time"),
            Evidence("downstream_busy", busy, f"{edge.to} had time left: busy {percent(busy)}", FULL),
        ),
        "Make the pool of connections bigger, or give connections back sooner; where a semaphore lets no "
        "more calls through (a balancer: maxconn), widen that.",
        instance=each.entity.instance,
        pid=each.entity.pid,
        where=where,
        strength=min(1.0, (wanted - edge.connections) / wanted + 0.3),
        signals=2,
        gain=round(min(2.0, wanted / edge.connections), 2),
    )  # fmt: skip
