"""Requests that are kept where nobody reads the counts: in a balancer (part of balancer_queue), or before a semaphore
(part of lock_contention).

A limit of k at a time leaves exactly k under way behind it for as long as one more waits, whatever they take; who has
no limit passes on what it gets. From outside that is all there is to see of a queue in user space.
"""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, percent
from loadlab.rules._refusing import busiest
from loadlab.signals import Signals
from loadlab.signals.edges import Edge
from loadlab.signals.stations import FULL as BUSY
from loadlab.signals.workers import Workers

SAME = 0.8
"""Share of the looks that found the same number of requests behind it. Of independent ones, four on average, the
commonest number is found in a fifth (Poisson); of one, in 37%."""

MORE = 1.5
"""Requests in it for each that it has passed on: below, hardly anybody waits."""

WAITING = 1.0
"""Requests that it keeps, mean."""

AS_MANY = 1.5
"""By how much the number served at a time by Little's law may differ from that behind it. More are served where a
connection carries several at a time (HTTP/2), fewer where what waits in it waits for something else."""

EACH = 0.8
"""Calls behind it for each request, from which on it does not answer part of them by itself (a cache: others then wait
for one of them to be filled)."""

SPARE = 0.8
"""Share of the connections on which an answer is awaited, from which on these are what is short (_clients.TAKEN)."""

AT_WORK = 0.5
"""Threads at work at a time, from which on they may be what the requests that are kept wait for."""

TIME_LEFT = 0.7
"""A balancer busier than this may itself be what requests wait for."""


def keeps(s: Signals, name: str) -> list[Fault]:
    """Of a balancer with time left, before servers with time left."""
    return [_fault(s, edge, kept) for edge, kept in _kept(s, name)]


def passes_few(s: Signals, name: str) -> list[Fault]:
    """Of an event loop that asks one other service, and has connections to spare: else what lets so few through are
    these. None of its threads is at work, so it is no pool of them."""
    mine = s.workers.of(name)
    balancer = any(one.name == name and one.role == "balancer" for one in s.meta.services)
    if balancer or len(mine) != 1 or len(s.edges.out_of(name)) != 1:
        return []
    loop = s.threads.polling(name, mine[0].entity.pid)
    if loop is None or mine[0].taken or mine[0].at_work >= AT_WORK:
        return []
    return [
        _semaphore(s, mine[0], edge, kept)
        for edge, kept in _kept(s, name)
        if s.edges.often[(name, edge.to)][0] > 1 and edge.outstanding < SPARE * edge.connections
    ]


def _kept(s: Signals, name: str) -> list[tuple[Edge, float]]:
    """Where requests wait, one at most: the way that they are not let onto, and how many."""
    out = s.edges.out_of(name)
    if not out or busiest(s, {name}) > TIME_LEFT:
        return []
    edge, inside = out[0], s.edges.into(name)
    behind = sum(each.outstanding for each in out)
    if inside < MORE * behind or inside - behind < WAITING or not _limited(s, edge):
        return []
    # With anybody behind it full, its limit protects.
    return [(edge, inside - behind)] if busiest(s, _reached(s, name)) < BUSY else []


def _reached(s: Signals, name: str) -> set[str]:
    """All who are asked on its behalf."""
    found: set[str] = set()
    left = [name]
    while left:
        further = {each.to for each in s.edges.out_of(left.pop())} - found
        found |= further
        left += further
    return found - {name}


def _limited(s: Signals, edge: Edge) -> bool:
    """Whether there are always as many behind it, and those are all that are served at a time. A rate at which they are
    let on looks the same where, times what an answer takes, it comes to a whole number."""
    many, share = s.edges.often.get((edge.source, edge.to), (0, 0.0))
    served = s.workers.at_once
    if many < 1 or share < SAME or served is None or not many / AS_MANY <= served <= many * AS_MANY:
        return False
    return all(each.per_request >= EACH for each in s.calls if (each.source, each.to) == (edge.source, edge.to))


def _evidence(s: Signals, edge: Edge, kept: float) -> tuple[Evidence, ...]:
    name, to, served = edge.source, edge.to, s.workers.at_once or 0.0
    many, share = s.edges.often[(name, to)]
    busy, own = busiest(s, {to}), busiest(s, {name})
    same = f"exactly {many} {'was' if many == 1 else 'were'} at {to} {percent(share)} of the time"
    return (
        Evidence("queued", kept, f"{kept:.0f} requests were in {name} and not at {to}", WAITING),
        Evidence("same", share, same, SAME),
        Evidence("at_once", served, f"as many were served as with {served:.1f} at a time"),
        Evidence("own_busy", own, f"{name} itself was busy {percent(own)} of the time", TIME_LEFT),
        Evidence("loop_busy", busy, f"{to} was busy {percent(busy)} of the time at most", BUSY),
    )


def _fault(s: Signals, edge: Edge, kept: float) -> Fault:
    name, to, many = edge.source, edge.to, s.edges.often[(edge.source, edge.to)][0]
    return Fault(
        name,
        f"requests queue in {name}: it lets {many} at a time through to {to}, which has time left",
        _evidence(s, edge, kept),
        f"Raise what lets so few through in {name} (maxconn of its servers or of its own, a limit of requests under "
        "way, or a rate that comes to as many, as of nginx's limit_req with a burst), as far as "
        f"{to} answers as quickly with more at a time.",
        strength=min(1.0, kept / (kept + many) + 0.3),
        signals=2,
        gain=round(min(2.0, (kept + many) / many), 2),
    )


def _semaphore(s: Signals, each: Workers, edge: Edge, kept: float) -> Fault:
    name, to, many = edge.source, edge.to, s.edges.often[(edge.source, edge.to)][0]
    return Fault(
        name,
        f"requests in {name} wait for each other: {many} at a time are let through to {to}, which has time left, by a "
        "semaphore or another limit of its own",
        _evidence(s, edge, kept),
        f"Widen what lets so few through (a semaphore's permits; maxconn where {name} is a balancer), as far as {to} "
        "answers as quickly with more at a time.",
        instance=each.entity.instance,
        pid=each.entity.pid,
        strength=min(1.0, kept / (kept + many) + 0.3),
        signals=2,
        gain=round(min(2.0, (kept + many) / many), 2),
    )
