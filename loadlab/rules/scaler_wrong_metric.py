"""The scaler's metric stays low while users wait

What: a limit is reached and requests wait in the instances, each of which is at a limit of its own; but the metric
that the scaler looks at stays below the limit at which it would add one.
Why: the scaler sees no load where users see a queue, so it never adds the instances that would take it.
Fix: scale on what fills up, requests under way for each instance or the time they wait; then raise the limit in the
instance (threads, connections), which costs less than an instance.
Not: scale_out_lag and scaler_ceiling: there the metric is above its limit; slow_downstream: there all instances wait
for the same thing, and more of them would wait, too.
Python: scale on requests in flight (KEDA, a custom metric from the balancer); more threads in a worker that waits.
Node: scale on requests in flight (KEDA, a custom metric from the balancer), or on event loop lag instead of CPU.
"""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, Verdict, percent
from loadlab.rules._scaling import IDLE, elsewhere, judged, own_limit
from loadlab.signals import Signals
from loadlab.signals.scaling import Scaled

BRANCH = "server_limit"
STEP = "scale_on_queue"
RANK = 29
AT_LIMIT = True
ELASTIC = False
LIFTS = ("quota", "core", "loop", "workers", "connections")
NEEDS = ("scaling", "host", "stations", "quota", "edges")
USES = ("pressure", "elasticity")

RARELY = 0.2
"""Share of the looks at which the metric may be above its limit: a wobble, of which nothing came."""


def check(s: Signals) -> Verdict:
    """Every scaled service."""
    return judged(s, _service)


def _service(s: Signals, scaled: Scaled) -> Fault | str:
    """What is wrong with its metric, or why nothing is."""
    added = [each for each in scaled.changes if each.step > 0 and s.window.start <= each.t <= s.window.end]
    if scaled.above > RARELY or added:
        return f"the metric of {scaled.service} saw the load"
    if round(scaled.serving) >= scaled.maximum:
        return f"all instances of {scaled.service} served"
    other = elsewhere(s, scaled.service)
    if other:
        return other
    limit = own_limit(s, scaled.service)
    return f"no instance of {scaled.service} is at a limit of its own" if limit is None else _fault(s, scaled, limit)


def _fault(s: Signals, scaled: Scaled, limit: Evidence) -> Fault:
    value = scaled.value or 0.0
    return Fault(
        scaled.service,
        f"users of {scaled.service} wait while its scaler sees no load: {scaled.says(value)}, out above "
        f"{scaled.out_above:g}",
        (
            Evidence("value", value, f"its metric was {scaled.says(value)}", scaled.out_above),
            Evidence("above", scaled.above, f"above its limit in {percent(scaled.above)} of the window", RARELY),
            Evidence("serving", scaled.serving, f"{scaled.serving:.1f} of {scaled.maximum} instances served"),
            limit,
            Evidence("idle_share", s.host.idle_share, f"{s.host.idle:.1f} cores of the machine were idle", IDLE),
        ),
        "Scale on requests under way for each instance (metric = in_flight), or on how long they wait.",
        strength=min(1.0, 1 - 0.5 * value / scaled.out_above),
        signals=2,
        gain=round(min(10.0, scaled.maximum / scaled.serving), 2) if scaled.serving > 0 else None,
    )
