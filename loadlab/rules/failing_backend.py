"""One backend fails what its equals answer

What: of several instances that should be alike, one fails most of the requests that it gets, and the others hardly any.
Why: its share of the requests is lost; and as it fails sooner than the others answer, a balancer that counts open
connections or waits for answers sends it ever more of them.
Fix: take it out and look at what is different: its log, its configuration, its version, what it can reach. Let the
balancer do so by itself: health checks that ask for real work, and failures that count (nginx: proxy_next_upstream
http_500 with max_fails; HAProxy: observe layer7, error-limit).
Not: service_crashed: there its process ended; lost_sessions: there all instances deny alike; rate_limited: there a
limiter says no to all.
Python: compare versions, settings and secrets of this instance with the others'; /health that opens what requests need.
Node: compare versions, settings and secrets of this instance with the others'; /health that opens what requests need.
"""

from __future__ import annotations

from statistics import median

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.backends import Backend, Group

BRANCH = "server_limit"
STEP = "replace_backend"
RANK = 12
AT_LIMIT = False
ELASTIC = False
NEEDS = ("backends", "life")
USES = ("latency",)

FAILS = 0.5
"""Share of its requests that an instance must fail: most of them."""

OTHERS = 0.1
"""Share of failures of its equals, as part of its own, up to which they are not failing as well."""

FEWEST = 30
"""Requests to an instance: of fewer, half failed is not told from chance."""

PREFERRED = 1.2
"""Its share of the requests over an even one, from which on it is asked more than its equals."""


def check(s: Signals) -> Verdict:
    """Every group of instances behind a balancer that tells which of its answers were failures."""
    if not s.backends.groups:
        return Clear("no balancer with several backends")
    ended = {(each.service, each.instance) for each in s.life.exits}
    found = [
        _fault(s, group, each, _others(group, each))
        for group in s.backends.groups
        for each in group.backends
        if (group.service, each.instance) not in ended and _fails(group, each)
    ]
    return Found(tuple(found)) if found else Clear("no backend fails what its equals answer")


def _share(backend: Backend) -> float:
    return min(1.0, backend.failures / backend.requests) if backend.requests else 0.0


def _others(group: Group, backend: Backend) -> float:
    return median(_share(each) for each in group.backends if each is not backend)


def _fails(group: Group, backend: Backend) -> bool:
    mine = _share(backend)
    return backend.requests >= FEWEST and mine >= FAILS and _others(group, backend) <= OTHERS * mine


def _fault(s: Signals, group: Group, backend: Backend, others: float) -> Fault:
    mine, even = _share(backend), 1 / len(group.backends)
    them = f"its equals {percent(others) if others >= 0.005 else 'none'}"
    error = s.latency.commonest_error
    evidence = [
        Evidence("failures", mine, f"{backend.failures:,.0f} of {backend.requests:,.0f} failed", FAILS),
        Evidence(
            "share", backend.share, f"it got {percent(backend.share)} of the requests, {percent(even)} would be even"
        ),
    ]
    if error:
        evidence.append(Evidence("error", s.latency.error_rate, f"what users got most: {error}"))
    preferred = backend.share >= PREFERRED * even
    why = "; it gets more than its share, as it fails sooner than they answer" if preferred else ""
    return Fault(
        group.service,
        f"instance {backend.instance} of {group.service} fails {percent(mine)} of what {group.balancer} sends it, "
        f"{them}{why}",
        tuple(evidence),
        "Take this instance out and compare it with the others; its log is in the recording. Let "
        f"{group.balancer} count failures and stop asking a server that fails.",
        instance=backend.instance,
        strength=min(1.0, mine),
        signals=2,
    )
