"""The accept queue overflows

What: connections were finished by the kernel faster than the service took them, until its queue was full.
Why: further connection attempts are dropped and tried again after 1, 3 and 7 seconds: latencies gather at those values.
Fix: the queue is short of a fast acceptor before it is short of length: remove what keeps the service from accepting,
then add instances; then a larger backlog (and net.core.somaxconn). Where the service has time left, and many come at
once, the larger backlog is all it takes.
Not: worker_pool_exhausted, which is its usual cause: look there first; lost packets: there established connections
suffer too.
Python: uvicorn --backlog, gunicorn --backlog, with net.core.somaxconn; then faster or more workers.
Node: server.listen({ backlog }), with net.core.somaxconn; then faster or more workers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, Where, blame, cheaper_first, percent, takes
from loadlab.signals import Signals
from loadlab.signals.churn import Fresh
from loadlab.signals.sockets import Listener

BRANCH = "server_limit"
STEP = "horizontal"
RANK = 70
AT_LIMIT = False
ELASTIC = False
LIFTS = ("core", "workers", "loop")
NEEDS = ("sockets",)
USES = ("stations", "hot", "churn", "latency")

FULL = 0.95
"""Longest queue over the backlog; it is sampled ten times a second, so a full queue is seen a little below its peak."""

DROPPED = 5
"""Connections dropped on the host during the run. The counter is the whole host's: a few may be somebody else's."""

AGAIN = 2.0
"""Connections opened for each request, from which on something is asked again."""

CALM = 0.5
"""Share of its time that the busiest of its processes works, below which nothing keeps the service from accepting: the
queue is short for as many as come at once, and they would be served soon."""

FAIL = 0.5
"""Share of failed requests from which on what is asked again is of no use."""


def check(s: Signals) -> Verdict:
    """A queue at its limit, and drops counted by the kernel."""
    full = [each for each in s.sockets.listeners if each.full >= FULL]
    if not full or s.sockets.overflows < DROPPED:
        return Clear("no accept queue overflowed")
    return Found((_fault(s, max(full, key=lambda each: each.full)),))


def _fault(s: Signals, top: Listener) -> Fault:
    name, dropped = top.entity.service, s.sockets.overflows
    core, again = any(each.on_one_core for each in s.stations.of(name)), _again(s, name)
    where = blame(s.hot.hottest(name)) if core else None
    busy = max((each.taken for each in s.stations.of(name)), default=1.0)
    evidence = [
        Evidence(
            "accept_queue",
            top.queue_peak,
            f"{top.queue_peak:.0f} connections waited; the backlog is {top.backlog:.0f}",
            top.backlog,
        ),
        Evidence("listen_overflows", dropped, f"the kernel dropped {dropped:.0f} connections", DROPPED),
    ]
    if again is not None:
        fails = f"{percent(s.latency.error_rate)} of which fail"
        says = f"{again.source} opened {again.per_request:.1f} connections to it for each request, {fails}"
        evidence.append(Evidence("tries", again.per_request, says, AGAIN))
    if busy < CALM:
        says = f"it had time left, busy {percent(busy)} of the time: it is many at once that the queue is short for"
        evidence.append(Evidence("busy", busy, says, CALM))
    return Fault(
        name,
        f"the accept queue of {name} overflows: {dropped:.0f} connections were dropped"
        f"{f'; its one core is used up{takes(where)}' if core else ''}",
        tuple(evidence),
        _remedy(again, where, core=core, calm=busy < CALM),
        instance=top.entity.instance,
        where=where,
        strength=min(1.0, top.full),
        signals=2,
    )


def _again(s: Signals, name: str) -> Fresh | None:
    """Who opens several connections to it for a request, while most requests fail."""
    tries = [each for each in s.churn.all if each.to == name and each.per_request >= AGAIN]
    return max(tries, key=lambda each: each.per_request) if tries and s.latency.error_rate >= FAIL else None


def _remedy(again: Fresh | None, where: Where | None, *, core: bool, calm: bool) -> str:
    step = "Find what keeps it from accepting first; then more instances, then a larger backlog."
    if calm:
        step = (
            "Let more connections wait: a larger backlog in its listen call, with net.core.somaxconn at least as large."
        )
    if core:
        step = cheaper_first(where, "More instances, then a larger backlog.")
    if again is None:
        return step
    return (
        f"Where {again.source} asks again what it has given up, let it try less often, after pauses that grow, and "
        f"wait longer: what is given up is worked on all the same. {step}"
    )
