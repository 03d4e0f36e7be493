"""Part of rate_limited: a service behind the one that gets the load turns calls away, and the caller asks again."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, percent
from loadlab.rules._refuser import again_of, refused
from loadlab.rules._standing import standing
from loadlab.signals import Signals
from loadlab.signals.calls import POLLING
from loadlab.signals.stations import FULL

OUTSIDE = 0.5
"""Share of the requests in the caller that are at the other service, below which they wait between two questions. As
many or more at it, and it is the time of an answer that they wait for."""


def asked_again(s: Signals) -> list[Fault]:
    """Users see hardly a refusal, only the time until one of the questions is let through. Throughput stands still
    while whoever is asked has time left."""
    name = s.meta.target
    calls = again_of(s, name)
    if calls is None or calls.alone is None or s.saturation.reached is not True:
        return []
    stations = s.stations.of(calls.to)
    if not refused(s, name) or calls.at_once >= OUTSIDE or not stations or any(each.full for each in stations):
        return []
    if standing(s):
        return []  # they ask for results that others work on
    where = blame(s.hot.standing(name))
    busy = max(each.busy for each in stations)
    rps = s.latency.rps
    asked = (
        f"each request asked {calls.to} {calls.per_request:.1f} times, and {calls.alone:.1f} times where none waited"
    )
    evidence = [
        Evidence("calls_per_request", calls.per_request, asked, POLLING * calls.alone),
        Evidence("at_once", calls.at_once, f"{percent(calls.at_once)} of the requests in {name} were at it", OUTSIDE),
        Evidence("busy", busy, f"{calls.to} had time left: busy {percent(busy)}", FULL),
    ]
    return [
        Fault(
            calls.to,
            f"{calls.to} lets {rps:.0f} requests/s of {name} through, however many wait, and {name} asks again and "
            f"again for the others{at(where)}",
            tuple(evidence),
            f"Look what {calls.to} answers to those that ask again. If it refuses them (429, 503), raise its limit, or "
            "ask it less often (a cache, one question for several), and wait as Retry-After says; if they wait for "
            f"something that one holds at a time or that is being made, let {calls.to} answer when it is there.",
            where=where,
            strength=min(1.0, 1.0 - calls.alone / calls.per_request + 0.3),
            signals=2,
        )
    ]
