"""The caller ran out of local ports

What: nearly every local port that may be used towards one address is taken, most of them by connections that are
closed already (TIME_WAIT), and requests fail.
Why: each connection needs a local port of its own, and whoever closes first keeps it for a minute. About 28,000 ports
are 470 new connections a second to one address.
Fix: keep connections (one client or pool for the life of the process); then a wider net.ipv4.ip_local_port_range,
tcp_tw_reuse, or more addresses.
Not: file_descriptors: there the process's own table is full; connection_churn: there ports are left and CPU is not;
accept_backlog: there the server refuses.
Python: one requests.Session, httpx.Client or aiohttp.ClientSession for the life of the process, never one for each
request.
Node: an http.Agent with keepAlive: true (the default of the global one since 19), one for all requests; undici's pool.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.source_ports import Destination

BRANCH = "network"
STEP = "keep_alive"
RANK = 18
AT_LIMIT = False
ELASTIC = False
NEEDS = ("source_ports", "latency")
USES = ()

TAKEN = 0.90
"""Share of the ports that may be used. The kernel looks for a free one from a random start, first among every second
one; up to nine tenths it finds one in a few looks, and connections come and go while they are counted."""

LINGERING = 0.5
"""Share of those that belong to closed connections: with fewer, it is as many open ones as there are ports."""

FEWEST = 64
"""Ports taken: a pool of connections, opened one after another, has ports that lie close together as well."""

FAILED = 0.01
"""Share of requests that failed. On one host the kernel gives a lingering port away again after a second: then all are
taken, and nobody lacks one."""


def check(s: Signals) -> Verdict:
    """Each address that is called."""
    full = [each for each in s.source_ports if each.taken >= FEWEST and each.share >= TAKEN and not _one_by_one(each)]
    if not full:
        return Clear("callers have local ports left")
    if s.latency.error_rate < FAILED:
        return Clear("nearly all local ports linger, but they are used again in time")
    found = [each for each in full if each.lingering >= LINGERING * each.taken and _callers(each)]
    if not found:
        return Clear("the ports taken are those of open connections, or the generator's")
    return Found(tuple(_fault(s, each) for each in found))


def _one_by_one(destination: Destination) -> bool:
    """Whether they only look like a range of their own: of the kernel's own range it is known how many there are."""
    return destination.still_growing and destination.given is not None and destination.room < destination.given


def _callers(destination: Destination) -> list[str]:
    return [each for each in destination.callers if each != "generator"]


def _fault(s: Signals, destination: Destination) -> Fault:
    caller, to = _callers(destination)[0], destination.entity.service
    own = destination.given is not None and destination.room < destination.given
    which = "of the range it may use" if own else "of net.ipv4.ip_local_port_range"
    return Fault(
        caller,
        f"{caller} has no local port left for connections to {to}",
        (
            Evidence(
                "taken",
                destination.share,
                f"{min(destination.taken, destination.room):.0f} of {destination.room:.0f} local ports {which} were "
                f"taken towards {to}",
                TAKEN,
            ),
            Evidence(
                "lingering",
                destination.lingering / destination.taken,
                f"{destination.lingering:.0f} of them by connections already closed (TIME_WAIT)",
                LINGERING,
            ),
            Evidence("failed", s.latency.error_rate, f"{percent(s.latency.error_rate)} of all requests failed", FAILED),
        ),
        f"Keep connections to {to}: one client or pool for the life of the process.",
        strength=destination.share,
        signals=2,
    )
