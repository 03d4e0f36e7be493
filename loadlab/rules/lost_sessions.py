"""Sessions live in one process, and the next request went to another

What: part of the requests that need a login are denied, by every instance alike, and about as many as land on another
instance than the one that made the session.
Why: a session, or anything else kept in one process's memory, is unknown to its equals; a balancer picks anew for each
request, so with N instances (N - 1) / N of the requests come to one that never heard of it.
Fix: keep sessions where all instances see them: Redis, memcached, a database, or a signed token that needs no store.
Until then let the balancer keep each visitor on one server (sticky sessions), knowing that its death logs them out.
Not: wrong passwords or expired sessions: those are denied on one instance, too.
Python: sessions in Redis (Flask-Session, Django's cached_db), or signed cookies.
Node: connect-redis for express-session, or signed cookies.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.backends import Group
from loadlab.signals.denials import Endpoint

BRANCH = "code"
STEP = "shared_sessions"
RANK = 14
AT_LIMIT = False
ELASTIC = False
NEEDS = ("denials", "backends")
USES = ()

FEWEST = 30
"""Denied requests: of fewer the share is not known to a fifth."""

OFTEN = 0.05
"""Share of an endpoint's requests. A token that expires now and then denies fewer."""

ALWAYS = 0.97
"""Denied nearly always: wrong credentials, not a wrong instance; that one also is right now and then."""

ALIKE = 3.0
"""Between the instances' shares of denied requests: more apart, one of them is wrong, not the place of the sessions."""

NEAR = 0.6
"""Part of the expected share, 1 - sum of squares of the instances' shares of requests, that agrees with it: a login and
what follows often reach the same instance, where a balancer takes turns and users are few."""


def check(s: Signals) -> Verdict:
    """Endpoints that sometimes know a visitor and sometimes do not, behind a balancer with several instances."""
    endpoints = [each for each in s.denials.endpoints if each.denied >= FEWEST and each.share >= OFTEN]
    if not endpoints:
        return Clear("no requests were denied for want of a session")
    groups = [each for each in s.backends.groups if len(each.backends) > 1]
    if not groups:
        return Clear("requests were denied, but there is only one instance that could have known")
    partial = [each for each in endpoints if each.share <= ALWAYS]
    if not partial:
        return Unknown(f"{endpoints[0].name} was always denied ({endpoints[0].code}): are the credentials right?")
    group = groups[0]
    if not _alike(s, group):
        return Clear("one instance denies what the others grant: it differs from them in more than its sessions")
    return Found((_fault(s, group, partial),))


def _shares(s: Signals, group: Group) -> list[float]:
    return [share for (balancer, _), share in s.denials.of_instances.items() if balancer == group.balancer]


def _alike(s: Signals, group: Group) -> bool:
    shares = _shares(s, group)
    return not shares or max(shares) <= ALIKE * max(min(shares), 1e-9)


def _fault(s: Signals, group: Group, endpoints: list[Endpoint]) -> Fault:
    worst = max(endpoints, key=lambda each: each.denied)
    denied = sum(each.denied for each in endpoints)
    share = denied / sum(each.denied + each.ok for each in endpoints)
    expected = 1 - sum(each.share**2 for each in group.backends)
    agrees = NEAR * expected <= share <= min(ALWAYS, expected / NEAR)
    spread = _shares(s, group)
    evidence = [
        Evidence("denied", share, f"{percent(share)} of {denied + sum(each.ok for each in endpoints)} requests that "
                 f"need a session were denied ({worst.code} at {worst.name})", OFTEN),
        Evidence("expected", expected, f"{percent(expected)} of requests reach another of the {len(group.backends)} "
                 f"instances of {group.service} than the one before"),
    ]  # fmt: skip
    if spread:
        low, high = min(spread), max(spread)
        says = f"every instance denied: {percent(low)} to {percent(high)} of what it was asked"
        evidence.append(Evidence("spread", high / max(low, 1e-9), says, ALIKE))
    return Fault(
        group.service,
        f"{percent(share)} of the requests that need a session fail: {group.service} keeps sessions in one process, "
        f"and {group.balancer} sends the next request to another",
        tuple(evidence),
        "Keep sessions where every instance sees them (Redis, memcached, a database, a signed token).",
        strength=min(1.0, share),
        signals=1 + agrees + bool(spread),
    )
