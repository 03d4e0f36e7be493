"""Requests queue in the balancer

What: requests wait in the balancer for a place at a server, or for one in the balancer itself, while the servers have
time left; or it turns them away at once for want of one, as nginx does (502). Of a balancer whose counts are not read
(a command of yours) it shows in that always as many are under way behind it, whatever waits.
Why: a limit of connections (maxconn, max_conns, worker_connections) lets fewer through than the servers could take;
throughput is that limit over the time of a request, whatever the servers could do.
Fix: raise maxconn of the server line, or of the balancer (nginx: max_conns, worker_connections); leave a limit where it
protects a server from more than it can take.
Not: slow servers behind it: there their own answers take longer.
Python: nothing in the application: the balancer's limit up to what the workers can hold.
Node: nothing in the application: the balancer's limit up to what the workers can hold.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._keeping import keeps
from loadlab.rules._refusing import busiest, says
from loadlab.signals import Signals
from loadlab.signals.balancers import FULL, Way
from loadlab.signals.stations import FULL as BUSY

BRANCH = "server_limit"
STEP = "raise_limit"
RANK = 42
AT_LIMIT = True
ELASTIC = False
COVERS = ("connection_pool_exhausted", "lock_contention")
LIFTS = ()
NEEDS = ("balancers", "stations", "host")
USES = ("edges", "workers", "calls")

QUEUED = 1.0
"""Requests that wait on average. With none at all most of the time, the limit is not what decides."""

IDLE = 0.15
"""Share of the machine's cores idle: servers that wait for a core have no time left either, whatever their threads
say."""


def check(s: Signals) -> Verdict:
    """Each balancer in which requests wait, or that turns them away, though the servers behind it do not have their
    hands full."""
    found = [fault for name in s.balancers.names for fault in _balancer(s, name)]
    found += [fault for each in s.balancers.said for fault in says(s, each)]
    if s.host.idle_share >= IDLE:
        found += [fault for name in _unread(s) for fault in keeps(s, name)]
    if found:
        return Found(tuple(found))
    known = s.balancers.names or s.balancers.said
    return Clear("no requests queued in a balancer" if known else "no balancer that has a queue")


def _unread(s: Signals) -> list[str]:
    """Balancers that tell nothing of their queues."""
    return [each.name for each in s.meta.services if each.role == "balancer" and each.name not in s.balancers.names]


def _balancer(s: Signals, name: str) -> list[Fault]:
    ways = s.balancers.of(name)
    inward = next((each for each in s.balancers.ways if each.balancer == name and not each.address), None)
    behind = {port: each.name for each in s.meta.services for port in each.ports}
    busy = busiest(s, {behind[port] for each in ways if (port := _port(each)) in behind})
    queued = s.balancers.queued(name)
    limited = [each for each in ways if each.full]
    if busy >= BUSY or s.host.idle_share < IDLE:
        return []
    if queued >= QUEUED and limited:
        return [_at_servers(name, ways, limited, queued, busy)]
    return [_at_itself(name, inward, busy)] if inward is not None and inward.full else []


def _port(way: Way) -> int:
    return int(way.address.rpartition(":")[2])


def _at_servers(name: str, ways: tuple[Way, ...], limited: list[Way], queued: float, busy: float) -> Fault:
    top = max(limited, key=lambda each: each.queue_ms)
    wait, answer = top.queue_ms, top.response_ms
    return Fault(
        name,
        f"requests queue in {name}: it lets {top.limit:.0f} at a time through to each server, and they have time left",
        (
            Evidence("queued", queued, f"{queued:.0f} requests waited for a place", QUEUED),
            Evidence("queue_ms", wait, f"{wait:.0f} ms each, for an answer that takes {answer:.0f} ms"),
            Evidence("limited", len(limited) / len(ways), f"{len(limited)} of {len(ways)} servers were at the limit"),
            Evidence("loop_busy", busy, f"the servers were busy {percent(busy)} of the time at most", BUSY),
        ),
        "Raise maxconn of the servers, as far as they answer as quickly with more at a time.",
        strength=min(1.0, queued / 10),
        signals=2,
        gain=round(min(10.0, (wait + answer) / answer), 2) if answer > 0 else None,
    )


def _at_itself(name: str, inward: Way, busy: float) -> Fault:
    return Fault(
        name,
        f"{name} is at its own limit of {inward.limit:.0f} connections, while the servers behind it have time left",
        (
            Evidence("sessions", inward.sessions, f"{inward.sessions:.0f} of {inward.limit:.0f} were taken", FULL),
            Evidence("loop_busy", busy, f"the servers were busy {percent(busy)} of the time at most", BUSY),
        ),
        "Raise the balancer's maxconn (nginx: worker_connections), and its open-file limit with it.",
        strength=1.0,
        signals=2,
    )
