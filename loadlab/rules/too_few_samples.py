"""Too few answers to judge

What: fewer successful requests ended in the measured window than it takes to tell a limit from chance, or, where the
profile limits a percentile, than that needs; or most requests failed.
Why: of under thirty answers, twice the throughput and the same look alike; with under a hundred the 95th percentile
rests on under five of them; and where most requests fail, what was measured is the error path.
Fix: run longer; where requests fail, look at the errors first.
Not: none: there enough answers show that no limit was reached; service_crashed: there a process ended, and requests
fail for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "longer_run"
RANK = 2
AT_LIMIT = False
ELASTIC = False
NEEDS = ("latency",)
USES = ()

FEWEST = 30
"""Answers below which a limit is not told from chance. Of two levels with n answers each, the ratio of their throughput
spreads by sqrt(2 / n): from 30 on, twice the throughput is taken for a limit (saturation.REACHED) in under 5% of runs.
What names the limit, where threads stand and queues grow, is sampled by time and needs no more requests than that."""

FEWEST_OF_PERCENTILES = 100
"""Answers where the profile limits a percentile. Five of a hundred lie above the 95th: fewer say nothing about it."""

ENOUGH = 1.2
"""Of the length that gives just enough answers, how much is advised: the rate of so few is known to a fifth."""

OWN_LENGTH = ("breakpoint", "replay", "own")
"""Shapes that end when they have found or sent what they are for, whatever duration is asked for."""

ERRORS = "Look at the errors"

MOST_FAIL = 0.5
"""Share of failed requests from which on the run measured failing."""


def check(s: Signals) -> Verdict:
    """Counts successful answers in the measured window."""
    latency = s.latency
    if latency.error_rate > MOST_FAIL:
        most = f", most of them: {latency.commonest_error}" if latency.commonest_error else ""
        says = f"{percent(latency.error_rate)} of the requests failed{most}"
        evidence = Evidence("error_rate", latency.error_rate, says, MOST_FAIL)
        return Found((_fault(says, evidence, f"{ERRORS} first; then run longer or with more users."),))
    fewest = _fewest(s.meta.profile)
    if latency.count < fewest:
        says = f"only {latency.count} requests were answered in the measured window"
        return Found((_fault(says, Evidence("count", latency.count, says, fewest), _longer(s, fewest)),))
    return Clear(f"{latency.count} answers")


def _fewest(profile: Mapping[str, Any]) -> int:
    limits = [profile.get("limits") or {}, *(profile.get("endpoint_limits") or {}).values()]
    percentiles = any(each.get(f"p{n}_ms") is not None for each in limits for n in (50, 90, 95, 99))
    return FEWEST_OF_PERCENTILES if percentiles else FEWEST


def _longer(s: Signals, fewest: int) -> str:
    """How long, where the rate and the length of this run tell it; the window is the same part of a longer one."""
    latency, profile = s.latency, s.meta.profile
    whole = None if profile.get("shape") in OWN_LENGTH else profile.get("duration_s")
    first = (
        f"{ERRORS} first: {percent(latency.error_rate)} of the requests failed. Then run" if latency.failed else "Run"
    )
    if not latency.count or not whole:
        return f"{first} longer."
    seconds = math.ceil(whole * fewest * ENOUGH / latency.count / 10) * 10
    return f"{first} longer: {fewest} answers take about --duration {seconds} at this rate."


def _fault(says: str, evidence: Evidence, remedy: str) -> Fault:
    return Fault("generator", says, (evidence,), remedy)
