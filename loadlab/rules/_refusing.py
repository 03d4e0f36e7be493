"""A balancer that turns requests away at a limit of its own connections: part of balancer_queue.

nginx has no queue. Beyond max_conns of all servers it answers 502; beyond worker_connections it hangs up, or says 500
where only the connection to the server was lacking. Both it writes in its log of errors.
"""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, percent
from loadlab.signals import Signals
from loadlab.signals.balancers import Said
from loadlab.signals.stations import FULL as BUSY

TOLD = 1.0
"""Lines a second in which nginx says that it was at a limit: fewer are a burst now and then."""

TAKEN = 0.5
"""Requests under way at each server, mean. One that has failed is left out for ten seconds, and then has none."""


def busiest(s: Signals, services: set[str]) -> float:
    """How busy the busiest process of these services is, 0..1."""
    return max((each.busy for service in services for each in s.stations.of(service)), default=0.0)


def says(s: Signals, said: Said) -> list[Fault]:
    """Whoever is turned away at once is back at once: that keeps the machine, the generator and nginx busy, and none of
    the servers."""
    ways = [each for each in s.edges.all if each.source == said.balancer]  # each instance by itself
    # Without a way it answers by itself, or what it asks runs in the same service.
    busy = busiest(s, {each.to for each in ways} or {said.balancer})
    if busy >= BUSY:
        return []
    taken = sum(each.outstanding for each in ways)
    if said.no_server >= TOLD and not said.unreached and taken >= TAKEN * len(ways):
        return [_refuses(said, taken, len(ways), busy)]
    return [_lacks(said, len(ways), busy)] if said.no_connection >= TOLD else []


def _refuses(said: Said, taken: float, servers: int, busy: float) -> Fault:
    name = said.balancer
    says = f"its log says {said.no_server:,.0f} times a second that no server may get one more (no live upstreams)"
    places = "its server" if servers == 1 else f"its {servers} servers"
    return Fault(
        name,
        f"{name} lets no more than about {taken:.0f} requests at a time through to {places}, and answers the others "
        f"502, while {'it has' if servers == 1 else 'they have'} time left",
        (
            Evidence("no_server", said.no_server, says, TOLD),
            Evidence("taken", taken, f"{taken:.1f} requests at a time were at {places}, none of which failed one"),
            Evidence("loop_busy", busy, f"the servers were busy {percent(busy)} of the time at most", BUSY),
        ),
        "Raise max_conns of the servers in nginx's upstream, as far as they answer as quickly with more at a time.",
        strength=1.0,
        signals=2,
        fact=True,
    )


def _lacks(said: Said, servers: int, busy: float) -> Fault:
    name, limit = said.balancer, "" if said.connections is None else f"{said.connections:.0f} "
    two = ": each request takes two, one to either side" if servers else ""
    who = "the servers were" if servers else "it was"
    says = f"its log says {said.no_connection:,.0f} times a second that they are not enough"
    return Fault(
        name,
        f"{name} is at its own limit of {limit}connections (worker_connections) and turns others away, while "
        f"{'the servers behind it have' if servers else 'it has'} time left",
        (
            Evidence("no_connection", said.no_connection, says, TOLD),
            Evidence("loop_busy", busy, f"{who} busy {percent(busy)} of the time at most", BUSY),
        ),
        f"Raise worker_connections in nginx's events block{two}; and worker_rlimit_nofile with it.",
        strength=1.0,
        signals=2,
        fact=True,
    )
