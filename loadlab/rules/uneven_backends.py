"""Requests are shared unevenly

What: one instance gets far more requests than its equals and has no time or no thread left, while others idle.
Why: the system's capacity is that of the fullest instance; the rest is paid for and not used.
Fix: balance by least connections; drop stickiness or hash by something with more values.
Not: slow_backend: there the shares are equal and the times are not.
Python: keep state out of the process, so that no request must return to one worker.
Node: keep state out of the process, so that no socket must return to one worker; the Redis adapter for socket.io.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.backends import Backend, Group
from loadlab.signals.workers import Workers

BRANCH = "server_limit"
STEP = "least_connections"
RANK = 29  # whatever the fullest instance lacks, its equals have
AT_LIMIT = True
ELASTIC = False
COVERS = ("all_cores",)  # of a service with an instance that idles, nobody says that it uses them all
LIFTS = ()
NEEDS = ("backends", "stations")
USES = ("workers", "quota")

UNEVEN = 1.5
"""Largest share of requests over the mean share. Random choice among three, 1,000 requests, stays within 1.1."""

IDLE = 0.6
"""CPU of the least used instance over that of the most used: below, it could take a good part of the other's work."""


def check(s: Signals) -> Verdict:
    """Every group of instances behind a balancer."""
    if not s.backends.groups:
        return Clear("no balancer with several backends")
    found = [fault for group in s.backends.groups for fault in _group(s, group)]
    return Found(tuple(found)) if found else Clear("requests were shared evenly")


def _group(s: Signals, group: Group) -> list[Fault]:
    most = max(group.backends, key=lambda each: each.share)
    least = min(group.backends, key=lambda each: each.cores)
    mean = 1 / len(group.backends)
    full = any(each.full for each in s.stations.of(group.service) if each.entity.instance == most.instance)
    quota = s.quota.used_up(group.service, most.instance)
    crew = () if quota else s.workers.of(group.service)  # whom the kernel stops is not taken by a request
    taken = [each for each in crew if each.entity.instance == most.instance and _taken(each)]
    if most.share < UNEVEN * mean or not (full or taken or quota) or least.cores > IDLE * most.cores:
        return []
    return [_fault(group, most, least, mean, taken)]


def _taken(each: Workers) -> bool:
    """Whether more requests are in a process than its pool of threads takes, none of which is free."""
    return 0 < len(each.taken) < each.inside and not each.free


def _fault(group: Group, most: Backend, least: Backend, mean: float, taken: list[Workers]) -> Fault:
    threads, inside = sum(len(each.taken) for each in taken), sum(each.inside for each in taken)
    held = f"all {threads} threads of its pool were taken, by {inside:.0f} requests"
    return Fault(
        group.service,
        f"instance {most.instance} of {group.service} gets {percent(most.share)} of the requests while instance "
        f"{least.instance} idles",
        (
            Evidence(
                "share",
                most.share,
                f"it got {percent(most.share)} of the requests, {percent(mean)} would be even",
                UNEVEN * mean,
            ),
            Evidence(
                "cores",
                most.cores,
                f"it used {most.cores:.2f} cores, instance {least.instance} {least.cores:.2f}",
                IDLE,
            ),
            *([Evidence("taken", threads, held)] if taken else []),
        ),
        f"Balance by least connections in {group.balancer}, with weights as the instances are; where one instance has "
        "to be found again, by a key with more values.",
        instance=most.instance,
        strength=min(1.0, most.share),
        signals=2,
        gain=round(most.share / mean, 2),
    )
