"""Too few answers to judge

What: fewer successful requests ended in the measured window than percentiles need, or most requests failed.
Why: with under a hundred answers the 95th percentile rests on under five of them; and where most requests fail, what
was
measured is the error path.
Fix: run longer, or with more users; look at the errors first.
Not: none: there enough answers show that no limit was reached; service_crashed: there a process ended, and requests
fail for that.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "longer_run"
RANK = 2
AT_LIMIT = False
ELASTIC = False
NEEDS = ("latency",)
USES = ()

FEWEST = 100
"""Answers. Five of a hundred lie above the 95th percentile: fewer say nothing about it."""

MOST_FAIL = 0.5
"""Share of failed requests from which on the run measured failing."""


def check(s: Signals) -> Verdict:
    """Counts successful answers in the measured window."""
    latency = s.latency
    if latency.error_rate > MOST_FAIL:
        most = f", most of them: {latency.commonest_error}" if latency.commonest_error else ""
        says = f"{percent(latency.error_rate)} of the requests failed{most}"
        return Found((_fault(says, Evidence("error_rate", latency.error_rate, says, MOST_FAIL)),))
    if latency.count < FEWEST:
        says = f"only {latency.count} requests were answered in the measured window"
        return Found((_fault(says, Evidence("count", latency.count, says, FEWEST)),))
    return Clear(f"{latency.count} answers")


def _fault(says: str, evidence: Evidence) -> Fault:
    return Fault("generator", says, (evidence,), "Look at the errors first; then run longer or with more users.")
