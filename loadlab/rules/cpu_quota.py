"""A CPU quota throttles the service

What: the kernel stops the service's control group again and again because its CPU quota is used up; or the service is
kept to some of the cores (taskset, a cpuset), and its threads wait for these while others are idle.
Why: the machine may have idle cores; the quota does not let the service have them. Requests caught in a stop wait up to
a tenth of a second, which shows in the tail.
Fix: raise the quota (limits.cpu, docker --cpus, resources.limits.cpu), or use fewer threads; let the service run on
more cores (taskset -c, CPUAffinity=, docker --cpuset-cpus).
Not: single_core: there nothing is throttled; cpu_neighbour: there the cores are really busy.
Python: as many workers as the quota has cores, not as the machine has: os.cpu_count() does not see it.
Node: as many cluster workers as the quota has cores; os.availableParallelism() may not see it.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.rules._affinity import kept
from loadlab.signals import Signals

BRANCH = "cpu"
STEP = "raise_quota"
RANK = 30
AT_LIMIT = True
ELASTIC = False
LIFTS = ("quota",)
NEEDS = ("quota",)
USES = ("host", "affinity", "hot")

THROTTLED = 0.25
"""Share of periods in which the group was stopped. Short bursts throttle a few per cent of periods of a healthy
service."""

USED = 0.80
"""Share of the quota that is used: a group far below its quota is throttled by bursts, not for want of CPU."""


def check(s: Signals) -> Verdict:
    """Every instance with a quota."""
    found = [each for each in s.quota.all if each.throttled >= THROTTLED and each.used >= USED * each.cores]
    pinned = kept(s)
    if not found and pinned:
        return Found(tuple(pinned))
    if not found:
        return Clear("no quota" if not s.quota.all else "the quota was not used up")
    top = max(found, key=lambda each: each.throttled)
    name = top.entity.service
    room = s.host.idle + top.used
    return Found(
        (
            Fault(
                name,
                f"{name} is throttled by its quota of {top.cores:g} CPU cores",
                (
                    Evidence(
                        "throttled",
                        top.throttled,
                        f"stopped in {percent(top.throttled)} of the scheduler's periods",
                        THROTTLED,
                    ),
                    Evidence("used", top.used, f"used {top.used:.2f} of {top.cores:g} cores allowed", USED * top.cores),
                    Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} cores of the machine were idle"),
                ),
                f"Raise the quota above {top.cores:g} cores.",
                instance=top.entity.instance,
                pid=top.entity.pid or None,
                strength=min(1.0, top.throttled),
                signals=2,
                # One thread cannot use more than one core, whatever the quota.
                gain=round(min(room, max(1.0, top.used)) / top.used, 2) if top.used > 0 else None,
            ),
            *pinned,
        )
    )
