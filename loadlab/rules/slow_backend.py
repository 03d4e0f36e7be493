"""One backend is slower than its equals

What: of several instances that should be alike, one takes at least twice as long for a request, or clearly longer and
twice the CPU: where it gets fewer requests than its equals, they queue, and its own times show but part of it.
Why: every request the balancer sends there is slow, and clients that wait for it ask the others less.
Fix: take it out and look at what is different: its machine, its neighbours, its cache, its version. Until then let the
balancer prefer the others (least connections, outlier ejection).
Not: uneven_backends: there the times are equal and the shares are not.
Python: compare versions, flags and caches of this instance with the others'.
Node: compare versions, flags and caches of this instance with the others'.
"""

from __future__ import annotations

from statistics import median

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.backends import Backend, Group
from loadlab.signals.stations import STARVED

BRANCH = "server_limit"
STEP = "replace_backend"
RANK = 50
AT_LIMIT = False
ELASTIC = False
NEEDS = ("backends", "stations")
USES = ()

SLOWER = 2.0
"""Mean response time over the median of the others'. Equal instances on a loaded machine differ by a third or less."""

LONGER = 4 / 3
"""The same, more than by which equal instances differ: enough, if a request costs it SLOWER times the others' CPU."""

LEAST_CORES = 0.05
"""CPU from which on it is that of requests: an event loop, a collector, timers without any take under a hundredth."""

FEWEST = 30
"""Requests per backend: the mean of thirty exponential times is known to 18%, far from a factor of two."""


def check(s: Signals) -> Verdict:
    """Every group of instances behind a balancer."""
    if not s.backends.groups:
        return Clear("no balancer with several backends")
    found = [fault for group in s.backends.groups for fault in _group(s, group)]
    return Found(tuple(found)) if found else Clear("the backends are equally fast")


def _group(s: Signals, group: Group) -> list[Fault]:
    timed = [each for each in group.backends if each.mean_ms is not None and each.requests >= FEWEST]
    found = []
    for each in timed:
        others = [other for other in timed if other is not each]
        times = [other.mean_ms for other in others if other.mean_ms is not None]
        longer = (each.mean_ms or 0.0) / median(times) if times and median(times) > 0 else 0.0
        dearer = _dearer(each, others)
        if longer >= SLOWER or (longer >= LONGER and dearer >= SLOWER):
            found.append((each, median(times), dearer))
    if len(found) > len(timed) / 2 or not found:
        return []
    # No queue makes a request cost more CPU.
    return [_fault(group, *each) for each in found if each[2] >= SLOWER or _by_itself(s, group, each[0])]


def _dearer(backend: Backend, others: list[Backend]) -> float:
    """CPU it takes for a request over the median of the others'; 0 where one of them takes next to none."""
    if not others or min(each.cores for each in (backend, *others)) < LEAST_CORES:
        return 0.0
    return (backend.cores / backend.requests) / median(each.cores / each.requests for each in others)


def _by_itself(s: Signals, group: Group, backend: Backend) -> bool:
    """Slow for a reason of its own, not for a longer queue. Where all instances are full, whichever got a few requests
    more answers later; then only times from before there were queues tell."""
    others = {each.instance for each in group.backends} - {backend.instance}
    full = {each.entity.instance for each in s.stations.of(group.service) if each.full or each.run_delay >= STARVED}
    if not others <= full:
        return True
    usual = [each.unloaded_ms for each in group.backends if each.instance in others and each.unloaded_ms is not None]
    return bool(usual) and backend.unloaded_ms is not None and backend.unloaded_ms >= SLOWER * median(usual)


def _fault(group: Group, backend: Backend, usual: float, dearer: float) -> Fault:
    mean = backend.mean_ms or 0.0
    waiting = sum(each.outstanding for each in group.backends)
    evidence = [
        Evidence(
            "mean_ms",
            mean,
            f"instance {backend.instance} took {mean:.0f} ms for a request, the others {usual:.0f} ms",
            (LONGER if dearer >= SLOWER else SLOWER) * usual,
        ),
        Evidence("share", backend.share, f"it got {percent(backend.share)} of the requests"),
    ]
    if dearer >= SLOWER:
        evidence.append(Evidence("cpu_of_a_request", dearer, f"a request cost it {dearer:.1f} times the CPU", SLOWER))
    if waiting > 0 and backend.outstanding / waiting > 1.3 / len(group.backends):
        evidence.append(
            Evidence(
                "outstanding",
                backend.outstanding,
                f"{percent(backend.outstanding / waiting)} of the requests under way were waiting on it",
            )
        )
    return Fault(
        group.service,
        f"instance {backend.instance} of {group.service} is {mean / usual:.1f} times slower than its equals",
        tuple(evidence),
        "Take this instance out and compare it with the others; meanwhile balance by least connections.",
        instance=backend.instance,
        strength=min(1.0, mean / usual / 4),
        signals=len(evidence) - 1,
    )
