"""Instances come and go though the load is level

What: at a load that did not change the scaler added and took away instances by turns.
Why: its two limits lie so close that with one instance fewer the metric is above the upper and with one more below the
lower: it never rests. Each time users pay twice, when the instance goes, and until the new one is warm.
Fix: put the limits further apart, so that what takes an instance away does not ask for it again: in_below under
out_above x (n - 1) / n, for the fewest instances n it takes one from; and wait longer before taking away than before
adding.
Not: a load that comes and goes itself: there the scaler follows.
Python: stabilizationWindowSeconds of the HorizontalPodAutoscaler; a cooldown longer than a warm-up.
Node: stabilizationWindowSeconds of the HorizontalPodAutoscaler; a cooldown longer than a warm-up.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict
from loadlab.signals import Signals
from loadlab.signals.hunting import Hunt, hunt
from loadlab.signals.scaling import Scaled

BRANCH = "server_limit"
STEP = "cooldown"
RANK = 29
AT_LIMIT = False
ELASTIC = False
COVERS = ("cpu_quota", "single_core")
NEEDS = ("scaling",)
USES = ()

TURNS = 3
"""Changes of direction at a level load: out, in, out, in. One is a scaler that went too far and comes back, and two may
be that once more from the other side; with three it does not come to rest."""


def check(s: Signals) -> Verdict:
    """Every scaled service, over its longest stretch of a level load."""
    if not s.scaling:
        return Clear("nothing is scaled")
    seen = [(each, hunt(each)) for each in s.scaling]
    found = [_fault(s, scaled, each) for scaled, each in seen if each is not None and each.turns >= TURNS]
    if found:
        return Found(tuple(found))
    if all(each is None for _, each in seen):
        return Clear("the load was never level, so a scaler that follows it is right to")
    return Clear("at a level load the scaler came to rest")


def _fault(s: Signals, scaled: Scaled, seen: Hunt) -> Fault:
    what = "arrivals/s" if s.meta.profile.get("model") == "open" else "users"
    evidence = [
        Evidence("turns", seen.turns, f"it changed its direction {seen.turns} times in {seen.seconds:.0f} s", TURNS),
        Evidence("asked", seen.asked, f"at a level load of {seen.asked:.0f} {what}"),
        Evidence(
            "in_below",
            scaled.in_below,
            f"it takes away below {scaled.in_below:g} and adds above {scaled.out_above:g}",
            scaled.out_above,
        ),
    ]
    if seen.few_ms is not None and seen.many_ms is not None:
        says = f"{seen.few_ms:.0f} ms with {seen.fewest} instances, {seen.many_ms:.0f} ms with {seen.most}"
        evidence.append(Evidence("few_ms", seen.few_ms, says))
    return Fault(
        scaled.service,
        f"the scaler of {scaled.service} adds and takes away by turns at a level load: {seen.outs} times out, "
        f"{seen.ins} times in",
        tuple(evidence),
        "Put in_below and out_above further apart, or wait longer before an instance is taken away.",
        strength=min(1.0, seen.turns / 10),
        signals=2,
    )
