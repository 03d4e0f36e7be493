"""A balancer whose counts nobody reads keeps requests for itself: part of balancer_queue.

A limit of k at a time leaves exactly k under way behind it for as long as one more waits, whatever they take; a
balancer without one passes on what it gets. From outside that is all there is to see of a queue in user space.
"""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, percent
from loadlab.rules._refusing import busiest
from loadlab.signals import Signals
from loadlab.signals.edges import Edge
from loadlab.signals.stations import FULL as BUSY

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

TIME_LEFT = 0.7
"""A balancer busier than this may itself be what requests wait for."""


def keeps(s: Signals, name: str) -> list[Fault]:
    """Of a balancer with time left, before servers with time left."""
    out = s.edges.out_of(name)
    if not out or busiest(s, {name}) > TIME_LEFT:
        return []
    edge, inside = out[0], s.edges.into(name)
    behind = sum(each.outstanding for each in out)
    if inside < MORE * behind or inside - behind < WAITING or not _limited(s, edge):
        return []
    # With anybody behind it full, its limit protects.
    return [_fault(s, edge, inside - behind)] if busiest(s, _reached(s, name)) < BUSY else []


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
    """Whether there are always as many behind it, and those are all that are served at a time."""
    many, share = s.edges.often.get((edge.source, edge.to), (0, 0.0))
    served = s.workers.at_once
    if many < 1 or share < SAME or served is None or not many / AS_MANY <= served <= many * AS_MANY:
        return False
    return all(each.per_request >= EACH for each in s.calls if (each.source, each.to) == (edge.source, edge.to))


def _fault(s: Signals, edge: Edge, kept: float) -> Fault:
    name, to, served = edge.source, edge.to, s.workers.at_once or 0.0
    many, share = s.edges.often[(name, to)]
    busy, own = busiest(s, {to}), busiest(s, {name})
    same = f"exactly {many} {'was' if many == 1 else 'were'} at {to} {percent(share)} of the time"
    return Fault(
        name,
        f"requests queue in {name}: it lets {many} at a time through to {to}, which has time left",
        (
            Evidence("queued", kept, f"{kept:.0f} requests were in {name} and not at {to}", WAITING),
            Evidence("same", share, same, SAME),
            Evidence("at_once", served, f"as many were served as with {served:.1f} at a time"),
            Evidence("own_busy", own, f"{name} itself was busy {percent(own)} of the time", TIME_LEFT),
            Evidence("loop_busy", busy, f"{to} was busy {percent(busy)} of the time at most", BUSY),
        ),
        f"Raise what lets so few through in {name} (maxconn of its servers or of its own, a limit of requests under "
        f"way), as far as {to} answers as quickly with more at a time.",
        strength=min(1.0, kept / (kept + many) + 0.3),
        signals=2,
        gain=round(min(2.0, (kept + many) / many), 2),
    )
