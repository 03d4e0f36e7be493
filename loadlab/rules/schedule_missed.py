"""The generator was late

What: in the open model, requests left noticeably later than their schedule said, or fewer left than were asked for.
Why: the rate that was asked for was not the rate that was sent, so latencies at that rate were not measured.
Fix: lower the rate, or give the generator more processor.
Not: generator_saturated: there its core is used up; a slow system: in the open model requests leave on time however
slow answers are.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "stronger_generator"
RANK = 1
AT_LIMIT = False
ELASTIC = False
NEEDS = ("measurement",)
USES = ()

LATE_MS = 50.0
"""Lateness at the 99th percentile. Lateness is inside the corrected latency, so it does not falsify it; past fifty
milliseconds it is a good part of what a user would call slow, and it is the generator's, not the system's."""

KEPT = 0.97
"""Share of the rate that must really have been sent. Poisson arrivals at 100/s for 10 s vary by 3%."""


def check(s: Signals) -> Verdict:
    """Only the open model has a schedule."""
    profile = s.meta.profile
    if profile.get("model") != "open":
        return Clear("the closed model has no schedule to miss")
    generator = s.measurement.generator
    late = generator.schedule_lag_p99_ms
    if late is None:
        return Unknown("the generator recorded no lateness")
    asked = generator.asked or 0.0
    rate = (generator.sent if generator.due is None else generator.due) / s.measurement.seconds
    if generator.not_sent:
        # Lateness is then the wait that the profile asked for, and no longer tells that of the generator.
        return Clear(f"max_in_flight held back {generator.not_sent:.0f} requests, as the profile says")
    if late < LATE_MS and rate >= KEPT * asked:
        return Clear(f"requests left at most {late:.1f} ms late (p99)")
    evidence = (
        Evidence("schedule_lag_p99_ms", late, f"requests left up to {late:.0f} ms late (p99)", LATE_MS),
        Evidence("sent_rps", rate, f"{rate:.0f} of {asked:.0f} arrivals/s left", KEPT * asked),
    )
    return Found(
        (
            Fault(
                "generator",
                f"the generator could not keep its schedule: {rate:.0f} of {asked:.0f} arrivals/s left, up to "
                f"{late:.0f} ms late",
                evidence,
                "Ask for a lower rate, or leave the generator a core of its own.",
                signals=2,
            ),
        )
    )
