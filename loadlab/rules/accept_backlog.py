"""The accept queue overflows

What: connections were finished by the kernel faster than the service took them, until its queue was full.
Why: further connection attempts are dropped and tried again after 1, 3 and 7 seconds: latencies gather at those values.
Fix: the queue is short of a fast acceptor before it is short of length: remove what keeps the service from accepting,
then add instances; then a larger backlog (and net.core.somaxconn).
Not: worker_pool_exhausted, which is its usual cause: look there first; lost packets: there established connections
suffer too.
Python: uvicorn --backlog, gunicorn --backlog, with net.core.somaxconn; then faster or more workers.
Node: server.listen({ backlog }), with net.core.somaxconn; then faster or more workers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict
from loadlab.signals import Signals

BRANCH = "server_limit"
STEP = "horizontal"
RANK = 70
AT_LIMIT = False
ELASTIC = False
LIFTS = ("core", "workers", "loop")
NEEDS = ("sockets",)
USES = ()

FULL = 0.95
"""Longest queue over the backlog; it is sampled ten times a second, so a full queue is seen a little below its peak."""

DROPPED = 5
"""Connections dropped on the host during the run. The counter is the whole host's: a few may be somebody else's."""


def check(s: Signals) -> Verdict:
    """A queue at its limit, and drops counted by the kernel."""
    full = [each for each in s.sockets.listeners if each.full >= FULL]
    if not full or s.sockets.overflows < DROPPED:
        return Clear("no accept queue overflowed")
    top = max(full, key=lambda each: each.full)
    name = top.entity.service
    return Found(
        (
            Fault(
                name,
                f"the accept queue of {name} overflows: {s.sockets.overflows:.0f} connections were dropped",
                (
                    Evidence(
                        "accept_queue",
                        top.queue_peak,
                        f"{top.queue_peak:.0f} connections waited; the backlog is {top.backlog:.0f}",
                        top.backlog,
                    ),
                    Evidence(
                        "listen_overflows",
                        s.sockets.overflows,
                        f"the kernel dropped {s.sockets.overflows:.0f} connections",
                        DROPPED,
                    ),
                ),
                "Find what keeps it from accepting first; then more instances, then a larger backlog.",
                instance=top.entity.instance,
                strength=min(1.0, top.full),
                signals=2,
            ),
        )
    )
