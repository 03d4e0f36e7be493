"""New instances come later than the load

What: the scaler wanted more instances than it had, for seconds in which requests took several times as long; once the
instances were there, the same load was no trouble.
Why: between the load and the new instance lie the mean that the metric is, a pause after the last change (cooldown),
and the time an instance takes to start. Users pay for all three.
Fix: add sooner (a lower limit, a shorter pause, several at once), start quicker (a smaller image, less to load at the
start), or be there before: a higher minimum, a schedule for hours that are known.
Not: scaler_ceiling: there no more instances come; scaler_wrong_metric: there none are wanted; a slow system: there
latency stays high with all instances.
Python: import less at the start, preload before the fork; a readiness check that says yes as soon as it can.
Node: bundle and start without a transpiler; a readiness check that says yes as soon as it can.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict
from loadlab.rules._scaling import IDLE
from loadlab.signals import Signals
from loadlab.signals.behind import MUCH_SLOWER, SLOW_S, SLOWER, Behind, stretches
from loadlab.signals.scaling import Scaled, Start

BRANCH = "server_limit"
STEP = "scale_earlier"
# After thrash and ceiling: a scaler that hunts is late each time, and one at its maximum was late before.
RANK = 31
AT_LIMIT = False
ELASTIC = False
COVERS = ("cpu_quota", "single_core")
NEEDS = ("scaling",)
USES = ("host",)


def check(s: Signals) -> Verdict:
    """Every scaled service, its worst stretch."""
    if not s.scaling:
        return Clear("nothing is scaled")
    found, shape = [], str(s.meta.profile.get("shape"))
    for scaled in s.scaling:
        behind = [each for each in stretches(scaled, shape) if each.caught_up or s.host.idle_share >= IDLE]
        if behind:
            found.append(_fault(scaled, max(behind, key=lambda each: each.slow_s)))
    return Found(tuple(found)) if found else Clear("no user waited for an instance")


def _fault(scaled: Scaled, behind: Behind) -> Fault:
    starts = [each for each in scaled.starts if behind.start <= each.decided <= behind.end]
    times = SLOWER if behind.caught_up else MUCH_SLOWER
    with_more = f"with {behind.then} instances at the same load" if behind.caught_up else "before"
    return Fault(
        scaled.service,
        f"{scaled.service} gets its instances later than its load: for {behind.slow_s:.0f} s requests took "
        f"{behind.mean_ms:.0f} ms instead of {behind.calm_ms:.0f}",
        (
            Evidence("slow_s", behind.slow_s, f"users waited for {behind.slow_s:.0f} s", SLOW_S),
            Evidence(
                "slower",
                behind.slower,
                f"{behind.mean_ms:.0f} ms with {behind.first} instances, {behind.calm_ms:.0f} ms {with_more}",
                times,
            ),
            Evidence("out_cooldown_s", scaled.out_cooldown_s, f"the scaler pauses {scaled.out_cooldown_s:g} s"),
            *_starts(starts),
        ),
        "Add earlier or several at once, keep more instances ready, or make them start quicker.",
        strength=min(1.0, behind.slower / 10),
        signals=2 if behind.caught_up else 1,
    )


def _starts(starts: list[Start]) -> tuple[Evidence, ...]:
    """How long an instance took from the decision until it served."""
    took = [each.joined - each.decided for each in starts if each.joined is not None]
    if not took:
        return ()
    mean = sum(took) / len(took)
    says = f"{len(starts)} instances were added meanwhile, and took {mean:.1f} s each until they served"
    return (Evidence("start_s", mean, says),)
