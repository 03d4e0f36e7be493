"""The probes could not see

What: a probe that the verdict rests on failed, or nothing of the service could be watched.
Why: a resource that nobody looked at cannot be cleared, and one seen half of the time cannot be blamed.
Fix: `loadlab check` says what is missing on this machine and how to mend it.
Not: a service that does nothing: it is seen, with little CPU.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "check_machine"
RANK = 3
AT_LIMIT = False
ELASTIC = False
NEEDS = ("measurement",)
USES = ("cpu",)

FAILED = 0.20
"""Share of ticks that may fail: a gap of one in five still leaves a mean to within a few per cent."""

ESSENTIAL = ("process", "host")
"""Without processes and the host there is nobody to name."""


def check(s: Signals) -> Verdict:
    """The essential probes, and whether any process of the user's was seen."""
    found = []
    by_name = {each.name: each for each in s.measurement.probes}
    for name in ESSENTIAL:
        probe = by_name.get(name)
        if probe is None or probe.ticks == 0:
            found.append(_fault(name, 1.0, f"the probe {name} gave no data in the measured window"))
        elif probe.failed > FAILED:
            found.append(
                _fault(name, probe.failed, f"{name} failed in {percent(probe.failed)} of its ticks: {probe.last_error}")
            )
    if not found and not _watched(s):
        found.append(_fault("process", 1.0, "no process of the system could be watched, only loaded"))
    return Found(tuple(found)) if found else Clear("every probe saw")


def _watched(s: Signals) -> bool:
    return bool(s.cpu.services)


def _fault(name: str, share: float, says: str) -> Fault:
    evidence = Evidence(f"{name}_failed", share, says, FAILED)
    return Fault("loadlab", says, (evidence,), "Run `loadlab check`; attach by port or pid rather than by URL.")
