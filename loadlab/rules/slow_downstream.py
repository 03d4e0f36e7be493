"""The time is spent waiting for another service

What: most requests in the service are waiting, without blocking it, for an answer from another service; it has time
left.
Why: making this service faster or running more of it changes nothing: the other one decides.
Fix: cache its answers, ask earlier or in parallel, put slow work into a queue, set a timeout; then look at that
service.
Not: event_loop_blocked: there the caller stands still too; connection_pool_exhausted: there requests wait before they
are sent; delayed_ack: there the kernel of one of the two keeps back what it has written.
Python: asyncio.gather for independent calls, a timeout on every client, a cache of answers.
Node: Promise.all for independent calls, AbortSignal.timeout on every fetch, a cache of answers.
"""

from __future__ import annotations

from dataclasses import replace

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._clients import taken
from loadlab.rules._few import MEANWHILE, serves_few
from loadlab.rules._standing import standing
from loadlab.signals import Signals
from loadlab.signals.edges import Edge

BRANCH = "network"
STEP = "cache_or_queue"
RANK = 65
AT_LIMIT = True
ELASTIC = False
LIFTS = ()
SPARES = True
NEEDS = ("edges", "stations", "measurement")
USES = ("pressure", "caches", "workers", "cpu", "threads", "queues", "lanes")

WAITING = 0.5
"""Share of the requests in a service that are outstanding downstream: past half, the other service has most of the
time."""

TIME_LEFT = 0.85
"""A caller that is busier than this, be it its serving thread or all its threads with their one interpreter lock, may
itself be what requests wait for: an answer that is there is read when its turn has come."""


def check(s: Signals) -> Verdict:
    """Follows the waiting from the front to the last service that waits for nobody."""
    path = [s.meta.target]
    edges: list[Edge] = []
    while True:
        edge = _next(s, path)
        if edge is None:
            break
        path.append(edge.to)
        edges.append(edge)
        works = _works_for(s, edge)
        if works and works not in path:
            path.append(works)
            edges.append(replace(edge, to=works))
    balancers = {each.name for each in s.meta.services if each.role == "balancer"}
    waits = [each for each in edges if each.source not in balancers]
    if not waits:
        return Clear("requests do not wait for another service")
    last = waits[-1]
    database = s.pressure.get(last.to)  # many processes, none of them full while all of them are
    if any(each.full for each in s.stations.of(last.to)) or (database is not None and database.full):
        return Clear(f"{last.to} itself has no time left: it is the one to look at")
    if any((edge.source, edge.to) == (last.source, last.to) for _, edge in taken(s)):
        return Clear(f"requests wait in {last.source} for a connection to {last.to}, before they are sent")
    if any(each.service == last.to for each in standing(s)):
        return Clear(f"requests wait in {last.to} for their messages to be worked off")
    return Found((_fault(s, last),))


def _next(s: Signals, path: list[str]) -> Edge | None:
    here = path[-1]
    inside = s.edges.into(here) or s.measurement.generator.in_flight
    busy = max((each.taken for each in s.stations.of(here)), default=0.0)
    balancer = any(each.name == here and each.role == "balancer" for each in s.meta.services)
    out = [each for each in s.edges.out_of(here) if each.to not in path]
    if not out or inside <= 0 or (busy > TIME_LEFT and not balancer):
        return None
    top = out[0]
    return top if top.outstanding >= WAITING * inside else None


def _works_for(s: Signals, edge: Edge) -> str:
    """Who puts the answers into a store that callers stand in only to wait for them (BLPOP), if it is one service; ""
    where the store itself is what is waited for."""
    blocked = sum(each.blocked for each in s.caches.all if each.service == edge.to)
    others = s.edges.callers(edge.to) - {edge.source, "generator"}
    return min(others) if blocked >= WAITING * edge.outstanding and len(others) == 1 else ""


def _fault(s: Signals, edge: Edge) -> Fault:
    inside = s.edges.into(edge.source) or s.measurement.generator.in_flight
    share = min(1.0, edge.outstanding / inside)
    busy = max((each.taken for each in s.stations.of(edge.source)), default=0.0)
    watched = any(each.name == edge.to for each in s.meta.services)
    evidence = [
        Evidence(
            "outstanding",
            share,
            f"{percent(share)} of the requests in {edge.source} were waiting for {edge.to}",
            WAITING,
        ),
        Evidence("loop_busy", busy, f"{edge.source} itself had time left: busy {percent(busy)}", TIME_LEFT),
    ]
    if watched:
        theirs = max((each.busy for each in s.stations.of(edge.to)), default=0.0)
        evidence.append(
            Evidence("downstream_busy", theirs, f"{edge.to} was busy {percent(theirs)}: it waits for something itself")
        )
    few, look, seen = (serves_few(s, edge, inside) if watched else None) or (
        "",
        f"Look at {edge.to} next; {MEANWHILE}",
        [],
    )
    evidence += seen
    return Fault(
        edge.to if watched else edge.source,
        f"{edge.source} spends its time waiting for {edge.to}{few}",
        tuple(evidence),
        look,
        strength=share,
        signals=2,
    )
