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

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, listed, percent
from loadlab.rules._affinity import kept
from loadlab.signals import Signals
from loadlab.signals.quota import Quota

BRANCH = "cpu"
STEP = "raise_quota"
RANK = 30
AT_LIMIT = True
ELASTIC = False
LIFTS = ("quota",)
NEEDS = ("quota", "cpu", "host")
USES = ("affinity", "hot")

THROTTLED = 0.25
"""Share of periods in which the group was stopped. Short bursts throttle a few per cent of periods of a healthy
service."""

USED = 0.80
"""Share of the quota that is used: a group far below its quota is throttled by bursts, not for want of CPU."""

ALIKE = 0.1
"""Quotas whose used shares differ by less are used up alike, and none is named alone. The kernel hands a quota out in
slices of 5 ms (sched_cfs_bandwidth_slice_us), of each of which some may be left when the period ends: of two shards
that were asked alike the shares differed by 0.01 to 0.04, and either was the fuller in some of five runs."""


def check(s: Signals) -> Verdict:
    """Every instance with a quota: those that have used it up alike together, the fullest first."""
    left = sorted(
        (each for each in s.quota.all if each.throttled >= THROTTLED and each.used >= USED * each.cores),
        key=lambda each: -each.used / each.cores,
    )
    found = []
    while left:
        fullest = left[0].used / left[0].cores
        alike = [each for each in left if each.used / each.cores > fullest - ALIKE]
        left = left[len(alike) :]
        found.append(_fault(s, alike))
    found += kept(s)
    if found:
        return Found(tuple(found))
    return Clear("no quota" if not s.quota.all else "the quota was not used up")


def _fault(s: Signals, alike: list[Quota]) -> Fault:
    """Of one service, or of several that have used theirs up alike: those by name, as noise would say now one and now
    the other."""
    worst: dict[str, Quota] = {}
    for each in sorted(alike, key=lambda each: (each.entity.service, -each.throttled)):
        worst.setdefault(each.entity.service, each)
    names, quotas = list(worst), list(worst.values())
    top = quotas[0]
    if len(names) == 1:
        sentence = f"{names[0]} is throttled by its quota of {top.cores:g} CPU cores"
        remedy = f"Raise the quota above {top.cores:g} cores."
    else:
        cores = list(dict.fromkeys(f"{each.cores:g}" for each in quotas))
        sentence = f"{listed(names)} are each throttled by their quota of {' or '.join(cores)} CPU cores"
        above = listed([f"of {name} above {each.cores:g}" for name, each in worst.items()])
        rest = "other" if len(names) == 2 else "others"
        remedy = f"Raise the quotas, {above} cores: one alone leaves the {rest} in the way."
    return Fault(
        names[0],
        sentence,
        (
            *(line for each in quotas for line in _evidence(each, f" in {each.entity.service}" if names[1:] else "")),
            Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} cores of the machine were idle"),
        ),
        remedy,
        instance=top.entity.instance,
        pid=top.entity.pid or None,
        along=tuple(names[1:]),
        strength=min(1.0, top.throttled),
        signals=2,
        gain=_gain(s, alike),
    )


def _evidence(each: Quota, where: str) -> tuple[Evidence, Evidence]:
    stopped = f"stopped in {percent(each.throttled)} of the scheduler's periods{where}"
    used = f"used {each.used:.2f} of {each.cores:g} cores allowed{where}"
    return (
        Evidence("throttled", each.throttled, stopped, THROTTLED),
        Evidence("used", each.used, used, USED * each.cores),
    )


def _gain(s: Signals, alike: list[Quota]) -> float | None:
    """Up to a core for each, as one thread cannot use more whatever the quota; and until the machine is full, on which
    everything else does more work as well."""
    used, all_used = sum(each.used for each in alike), s.cpu.system_cores + s.cpu.generator_cores
    if used <= 0 or all_used <= 0:
        return None
    threads = sum(max(1.0, each.used) for each in alike) / used
    return round(min(threads, (s.host.idle + all_used) / all_used), 2)
