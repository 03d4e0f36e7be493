"""Whether more instances of a service would bring more: part of the rules on scalers.

They would where each instance is at a limit of its own. They would not where all of them wait for the same thing, or
where there is no core left for one more.
"""

from __future__ import annotations

from collections.abc import Callable

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, percent
from loadlab.rules.cpu_quota import THROTTLED, USED
from loadlab.signals import Signals
from loadlab.signals.scaling import Scaled
from loadlab.signals.stations import FULL

NEEDS = ("scaling", "host", "stations", "quota", "edges")
USES = ("pressure", "elasticity")

IDLE = 0.15
"""Share of the machine's cores that must be idle, as in all_cores: where none is, an instance more only takes turns."""

MOST = 0.5
"""Share of the instances that must be at a limit of their own."""

WAITING = 2.0
"""Requests that wait in each instance, beyond those it has passed on: one is being worked on, a second waits."""

KEPT = 0.5
"""Share of the requests in a service that it has not passed on, from which on they wait in itself. The complement of
slow_downstream's."""

BINDING = 0.7
"""Elasticity of another service from which on that one is the limit, as in diagnosis/rank.py."""


def judged(s: Signals, judge: Callable[[Signals, Scaled], Fault | str]) -> Verdict:
    """Every scaled service: what is wrong with its scaler, or in words why nothing is."""
    if not s.scaling:
        return Clear("nothing is scaled")
    blind = [each.service for each in s.scaling if each.value is None]
    if blind:
        return Unknown(f"the metric of {', '.join(blind)} was not known in the measured window")
    verdicts = [judge(s, each) for each in s.scaling]
    found = tuple(each for each in verdicts if isinstance(each, Fault))
    return Found(found) if found else Clear("; ".join(each for each in verdicts if isinstance(each, str)))


def elsewhere(s: Signals, service: str) -> str:
    """In words: what else has no time left, so that more instances would bring nothing; "" where nothing has."""
    if s.host.idle_share < IDLE:
        return f"only {percent(s.host.idle_share)} of the machine's cores were idle: no room for one more instance"
    for name in _on_the_way(s, service):
        pressure, proof = s.pressure.get(name), s.elasticity.get(name)
        if any(each.full for each in s.stations.of(name)) or (pressure is not None and pressure.full):
            return f"{name} has no time left"
        if proof is not None and proof.value >= BINDING and proof.low > 0:
            return f"slowing {name} cost as much throughput as slowing what limits would"
    return ""


def _on_the_way(s: Signals, service: str) -> tuple[str, ...]:
    """Services that call this one or are called by it, at any distance."""
    found: set[str] = set()
    for one, other in (("source", "to"), ("to", "source")):
        reached = {service}
        while more := {getattr(each, other) for each in s.edges.all if getattr(each, one) in reached} - reached:
            reached |= more
        found |= reached
    return tuple(sorted(found - {service}))


def own_limit(s: Signals, service: str) -> Evidence | None:
    """What each instance is at the end of; None where it has room, or has passed its requests on."""
    return _quota(s, service) or _kept(s, service) or _full(s, service)


def _quota(s: Signals, service: str) -> Evidence | None:
    mine = [each for each in s.quota.all if each.entity.service == service]
    full = [each for each in mine if each.throttled >= THROTTLED and each.used >= USED * each.cores]
    if not full or len(full) < MOST * len(mine):
        return None
    share = sum(each.throttled for each in full) / len(full)
    says = f"{len(full)} instances used up what CPU they may, and were stopped in {percent(share)} of the periods"
    return Evidence("throttled", share, says, THROTTLED)


def _kept(s: Signals, service: str) -> Evidence | None:
    """Requests that are in the service and nowhere behind it."""
    serving = next(each.serving for each in s.scaling if each.service == service)
    inside = s.edges.into(service)
    passed = sum(each.outstanding for each in s.edges.out_of(service))
    kept = inside - passed
    if inside <= 0 or kept < KEPT * inside or kept < WAITING * serving:
        return None
    says = f"{kept:.0f} of the {inside:.0f} requests in {service} waited in its own instances, {serving:.1f} of them"
    return Evidence("kept", kept, says, WAITING * serving)


def _full(s: Signals, service: str) -> Evidence | None:
    """Serving threads without time left that compute, or whose requests are not passed on."""
    mine = s.stations.of(service)
    full = [each for each in mine if each.full]
    passed = sum(each.outstanding for each in s.edges.out_of(service))
    if not full or len(full) < MOST * len(mine) or passed >= KEPT * max(s.edges.into(service), 1.0):
        return None
    busy = sum(each.busy for each in full) / len(full)
    says = f"the serving threads of {len(full)} of its processes were busy {percent(busy)} of the time"
    return Evidence("busy", busy, says, FULL)
