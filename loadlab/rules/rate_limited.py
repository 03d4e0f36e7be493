"""A limiter turns requests away

What: requests are answered 429 or 503, faster than those that are served, while every process has time left; with more
users the rate of good answers stays what it was. Or a service behind turns calls away and its caller asks again until
one is let through: users see the wait, not the refusals.
Why: a limit in a proxy, a gateway or the application, of the rate or of how many requests may be under way at a time,
decides how much is served, not the capacity of the servers.
Fix: raise or move the limit (limit_req rate and burst, limit_conn, Varnish's max_connections of a backend, a quota for
each client); clients should wait as Retry-After says. A limit that protects an expensive service is right: then this is
its capacity.
Not: a server that sheds load: there latency rises before it refuses; errors of the application: other codes.
Python: tenacity with wait_exponential, heeding Retry-After; one shared limiter for all workers.
Node: p-retry heeding Retry-After; one shared limiter for all workers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._again import asked_again
from loadlab.rules._refuser import refuser
from loadlab.signals import Signals
from loadlab.signals.stations import FULL

BRANCH = "server_limit"
STEP = "raise_rate_limit"
RANK = 16
AT_LIMIT = False
ELASTIC = False
LIFTS = ()
NEEDS = ("refusals", "stations", "latency")
USES = ("host", "calls", "saturation", "hot", "queues", "measurement", "languages")

REFUSED = 0.05
"""Share of all requests: a burst at the start of a level refuses fewer."""

FEWEST = 30
"""Requests refused."""

FASTER = 0.75
"""Median time of a refusal over that of a good answer. Overload answers 503 after a wait, not before one."""

SLOWER = 1.25
"""Median time of a good answer where refusing began, over that of one that is nearly alone, up to which nobody queued:
at half of a core's capacity it would be twice as long."""

STEADY = 1.35
"""Largest over smallest rate of good answers among the levels with refusals. A limiter holds it; a server that sheds
load gives less the more it is asked."""


def check(s: Signals) -> Verdict:
    """Refusals that come quickly, at a rate of good answers that does not move."""
    refused = s.refusals
    if refused.share < REFUSED or refused.count < FEWEST:
        inner = asked_again(s)
        return Found(tuple(inner)) if inner else Clear("no requests were turned away")
    quick = refused.fast_ms is not None and refused.ok_ms is not None and refused.fast_ms <= FASTER * refused.ok_ms
    if refused.code != "HTTP 429":
        full = sorted({each.entity.service for each in s.stations.all if each.full})
        idle = _idle(s)
        if full and not idle:
            return Clear(f"requests were turned away because {full[0]} has no time left")
        level = refused.grew is not None and refused.grew <= STEADY
        if not quick or not (refused.by_balancer or (idle and level)):
            return Clear("requests failed, but nothing says that a limiter refused them")
    return Found((_fault(s, quick),))


def _idle(s: Signals) -> bool:
    """Whether there was time left where refusing began: of who has too many threads to look at each, good answers tell
    it, which come as soon as before."""
    refused = s.refusals
    if refused.busy is not None:
        return refused.busy < FULL
    return refused.slower is not None and refused.slower <= SLOWER


def _steady(s: Signals) -> bool:
    return s.refusals.steady is not None and s.refusals.steady <= STEADY


def _fault(s: Signals, quick: bool) -> Fault:
    refused = s.refusals
    balancer = max(refused.by_balancer, key=lambda each: refused.by_balancer[each], default="")
    evidence = [
        Evidence(
            "refused", refused.share, f"{percent(refused.share)} of all requests were answered {refused.code}", REFUSED
        )
    ]
    if refused.fast_ms is not None and refused.ok_ms is not None:
        says = f"a refusal took {refused.fast_ms:.2f} ms, a good answer {refused.ok_ms:.2f} ms"
        evidence.append(Evidence("fast_ms", refused.fast_ms, says, FASTER * refused.ok_ms))
    if refused.steady is not None:
        says = f"with more users, good answers stayed within a factor of {refused.steady:.2f}"
        evidence.append(Evidence("steady", refused.steady, says, STEADY))
    if refused.busy is not None and refused.busy < FULL:
        says = f"with the fewest users of whom any were refused, nobody was busier than {percent(refused.busy)}"
        evidence.append(Evidence("busy", refused.busy, says, FULL))
    if refused.busy is None and refused.slower is not None:
        says = (
            f"good answers took {refused.slower:.2f} times as long as with the fewest users, none of whom was refused"
        )
        evidence.append(Evidence("slower", refused.slower, says, SLOWER))
    if balancer:
        says = f"{balancer} gave {refused.by_balancer[balancer]:.0f} refusals/s without asking a server"
        evidence.append(Evidence("by_balancer", refused.by_balancer[balancer], says))
    name = balancer or refuser(s)
    return Fault(
        name,
        f"{name} lets {refused.ok_rps:.0f} requests/s through{_under_way(s)}, and turns the others away: "
        f"{percent(refused.share)} of all requests were answered {refused.code}",
        tuple(evidence),
        "Raise the limit (of the rate, or of requests or connections at a time), or let clients keep to it; behind it "
        "there is room.",
        strength=min(1.0, refused.share),
        signals=1 + quick + _steady(s) + bool(balancer),
    )


def _under_way(s: Signals) -> str:
    """By Little's law; a limit of the rate alone may leave less than one."""
    refused = s.refusals
    at_once = refused.ok_rps * (refused.ok_ms or 0.0) / 1000
    return f", about {at_once:.0f} at a time" if at_once >= 1 else ""
