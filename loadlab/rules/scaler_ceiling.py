"""The scaler stands at its maximum and still needs more

What: as many instances serve as the scaler may have, its metric is still above the limit at which it would add one,
each instance is at a limit of its own, and the machine has cores left.
Why: the maximum is what limits the system, not what an instance can do: one more would bring its share more.
Fix: raise the maximum, as far as what the instances call (a database, its connections) can take more of them; then make
a request cheaper, so that fewer are needed.
Not: all_cores: there is no core left for one more; scaler_wrong_metric: there the metric stays low; scale_out_lag:
there more instances come, only late.
Python: raise the maximum (maxReplicas of the HorizontalPodAutoscaler); then profile the hot line.
Node: raise the maximum (maxReplicas of the HorizontalPodAutoscaler); then profile the hot line.
"""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, Verdict, blame, percent
from loadlab.rules._scaling import IDLE, elsewhere, judged, own_limit
from loadlab.signals import Signals
from loadlab.signals.scaling import Scaled

BRANCH = "server_limit"
STEP = "raise_maximum"
RANK = 29
AT_LIMIT = True
ELASTIC = False
LIFTS = ("quota", "core", "loop", "workers", "connections")
COVERS = ("cpu_quota", "single_core")
NEEDS = ("scaling", "host", "stations", "quota", "edges", "cpu")
USES = ("pressure", "elasticity", "hot")

FULL = 0.8
"""Share of the window with as many instances as there may be, and of the looks with the metric above its limit: an
instance that was replaced meanwhile, or a metric that wobbles, takes a part of it."""


def check(s: Signals) -> Verdict:
    """Every scaled service."""
    return judged(s, _service)


def _service(s: Signals, scaled: Scaled) -> Fault | str:
    """What is wrong with its maximum, or why nothing is."""
    if scaled.full < FULL:
        return f"{scaled.service} had {scaled.serving:.1f} of {scaled.maximum} instances"
    if scaled.above < FULL:
        return f"all instances of {scaled.service} served, and they were enough: {scaled.says(scaled.value or 0.0)}"
    other = elsewhere(s, scaled.service)
    if other:
        return other
    limit = own_limit(s, scaled.service)
    return f"no instance of {scaled.service} is at a limit of its own" if limit is None else _fault(s, scaled, limit)


def _fault(s: Signals, scaled: Scaled, limit: Evidence) -> Fault:
    value = scaled.value or 0.0
    where = blame(s.hot.hottest(scaled.service))
    used = s.cpu.services[scaled.service].cores if scaled.service in s.cpu.services else 0.0
    return Fault(
        scaled.service,
        f"the scaler of {scaled.service} stands at its maximum of {scaled.maximum} and still needs more: "
        f"{scaled.says(value)}, out above {scaled.out_above:g}",
        (
            Evidence("value", value, f"its metric was {scaled.says(value)}", scaled.out_above),
            Evidence("above", scaled.above, f"above its limit in {percent(scaled.above)} of the window", FULL),
            Evidence("serving", scaled.serving, f"{scaled.serving:.1f} of {scaled.maximum} instances served"),
            limit,
            Evidence("idle_share", s.host.idle_share, f"{s.host.idle:.1f} cores of the machine were idle", IDLE),
        ),
        f"Raise the maximum above {scaled.maximum} instances.",
        where=where,
        strength=min(1.0, value / scaled.out_above - 0.5),
        signals=2,
        # As many more instances as the idle cores have room for, each with as much CPU as these have.
        gain=round(min(10.0, 1 + s.host.idle / used), 2) if scaled.metric == "cpu" and used > 0 else None,
    )
