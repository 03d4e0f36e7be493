"""Another process holds the cores

What: the service is ready to run but does not get a core, while processes that belong neither to the system nor to
loadlab use a good part of the machine.
Why: the time is lost in the run queue, not in the service; its own code looks slow but is not.
Fix: move the neighbour away, or give the service cores of its own (cpuset, taskset, a quota for the neighbour).
Not: all_cores: there the system itself has them; cpu_quota: there the cores stay idle.
Python: nothing in the code: taskset or a cpuset for the service, a quota for the neighbour.
Node: nothing in the code: taskset or a cpuset for the service, a quota for the neighbour.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.stations import STARVED

BRANCH = "cpu"
STEP = "isolate"
RANK = 35
AT_LIMIT = True
ELASTIC = False
NEEDS = ("stations", "host", "cpu")
USES = ("background",)

TAKEN = 0.20
"""Share of the machine's cores used by strangers: at a fifth, moving them away brings what a user would notice."""

IDLE = 0.15
"""As in all_cores: with idle cores nobody has to wait for one."""


def check(s: Signals) -> Verdict:
    """The service that waits longest for a core, if strangers hold the cores."""
    share = s.host.others / s.host.cores
    if share < TAKEN or s.host.idle_share > IDLE:
        return Clear(f"strangers used {s.host.others:.2f} cores")
    waiting = [each for each in s.stations.all if each.run_delay >= STARVED and each.entity.service not in s.background]
    if not waiting:
        return Clear("no service had to wait for a core")
    top = max(waiting, key=lambda each: each.run_delay)
    name = top.entity.service
    mine = s.cpu.services[name].cores
    return Found(
        (
            Fault(
                name,
                f"{name} waits for the CPU: processes outside the system use {s.host.others:.1f} of "
                f"{s.host.cores} cores",
                (
                    Evidence("others_cores", s.host.others, f"strangers used {percent(share)} of the machine", TAKEN),
                    Evidence(
                        "run_delay",
                        top.run_delay,
                        f"it was ready but not running {percent(top.run_delay)} of the time",
                        STARVED,
                    ),
                ),
                "Move the other processes away, or give the service cores of its own.",
                instance=top.entity.instance,
                pid=top.entity.pid,
                strength=min(1.0, share + top.run_delay),
                signals=2,
                gain=round((mine + s.host.others) / mine, 2) if mine > 0.1 else None,
            ),
        )
    )
