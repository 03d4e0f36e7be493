"""The machine was not the run's own

What: the hypervisor took a tenth of the machine's CPU time or more while it was measured.
Why: stolen time slows every process by the same unknown factor; figures of such a minute cannot be compared with
another's. Below three tenths, what limits is named all the same where it shows: a pool that is full is full, and the
experiment compares neighbouring half seconds. A limit of the profile that fails is no failure then.
Fix: run again, or on a machine with cores of its own.
Not: cpu_neighbour: there processes on this machine take the time, and can be named.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.host import STOLEN

BRANCH = "measurement"
STEP = "quieter_machine"
RANK = 4
AT_LIMIT = False
ELASTIC = False
NEEDS = ("host",)
USES = ()

MOST = 0.30
"""From here on nothing else is claimed: levels of load are compared with each other, and a third more or less of the
machine looks like the knee."""


def check(s: Signals) -> Verdict:
    """Steal time of the measured window."""
    share = s.host.steal_share
    if share < STOLEN:
        return Clear(f"{percent(share)} of CPU time was stolen")
    says = f"the hypervisor took {percent(share)} of the CPU time"
    evidence = Evidence("steal", share, says, STOLEN)
    advice = "Run again, or on a machine with cores of its own."
    return Found((Fault("host", says, (evidence,), advice, signals=2, limits=share >= MOST),))
