"""No limit was reached

What: more users still brought more throughput when the run ended.
Why: below saturation nothing limits, whatever looks busy; naming a bottleneck there is an invention.
Fix: nothing to fix at this load. To find the limit, run with more users.
Not: a limit that was not asked for: the headroom says how far was measured; too_few_samples: there nothing can be said.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict
from loadlab.signals import Signals
from loadlab.signals.saturation import REACHED

BRANCH = "none"
STEP = "more_load"
RANK = 1000
AT_LIMIT = False
ELASTIC = False
NEEDS = ("saturation",)
USES = ("course",)


def check(s: Signals) -> Verdict:
    """Found where the levels show headroom."""
    saturation = s.saturation
    if saturation.reached is None:
        return Unknown(saturation.says)
    if saturation.reached:
        return Clear(saturation.says)
    evidence = Evidence("growth", saturation.growth or 0.0, saturation.says, REACHED)
    sentence = f"no limit was reached up to {saturation.best.rps:.0f} requests/s"
    if (s.course.facts.get("broke") or {}).get("limit"):
        sentence = f"throughput still rose at {saturation.best.rps:.0f} requests/s when the breakpoint was found"
    more = "at a higher rate" if s.meta.profile.get("model") == "open" else "with more users"
    return Found((Fault(s.meta.target, sentence, (evidence,), f"To find the limit, run {more}."),))
