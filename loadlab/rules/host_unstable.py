"""The machine was not the run's own

What: the hypervisor took a tenth of the machine's CPU time or more while it was measured.
Why: stolen time slows every process by the same unknown factor; figures of such a minute cannot be compared with
another's.
Fix: run again, or on a machine with cores of its own.
Not: cpu_neighbour: there processes on this machine take the time, and can be named.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals

BRANCH = "measurement"
STEP = "quieter_machine"
RANK = 4
AT_LIMIT = False
ELASTIC = False
NEEDS = ("host",)
USES = ()

STOLEN = 0.10
"""Share of all cores' time. Five per cent is common on shared machines and stays within the noise of throughput."""


def check(s: Signals) -> Verdict:
    """Steal time of the measured window."""
    share = s.host.steal_share
    if share < STOLEN:
        return Clear(f"{percent(share)} of CPU time was stolen")
    says = f"the hypervisor took {percent(share)} of the CPU time"
    evidence = Evidence("steal", share, says, STOLEN)
    return Found((Fault("host", says, (evidence,), "Run again, or on a machine with cores of its own."),))
