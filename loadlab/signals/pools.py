"""Pools of threads that are numbered by name, as executors call theirs, and how many of each had nothing to do: a pool
with a thread that waits for work is not taken, whoever else of the process stands in a call."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from loadlab.recording.model import Recording, ServiceMeta, Stacks
from loadlab.signals import frames, hot

NUMBERED = re.compile(r"[_-]\d+$")
"""How the name of such a thread ends ("ThreadPoolExecutor-0_3", "pool-1-thread-7"): before it stands the pool's."""

USED = 0.5
"""Threads of a pool in the user's code, mean, from which on requests may be what it works on."""


def spare(recording: Recording) -> dict[int, float]:
    """By pid, where stacks of such a pool were read: how many of its threads waited for work, mean; of several pools
    that were used, the one with the fewest."""
    services = {meta.name: meta for meta in recording.meta.services}
    read = [each for each in recording.stacks if not each.on_cpu and each.service in services]
    found: dict[int, float] = {}
    for each in read:
        idle = list(_idle(services[each.service], each))
        if idle:
            found[each.pid] = min([*idle, found.get(each.pid, idle[0])])
    return found


def _idle(meta: ServiceMeta, stacks: Stacks) -> Iterable[float]:
    looks, used, idle = max(1, hot.how_often(stacks)), Counter[str](), Counter[str]()
    members: dict[str, set[str]] = defaultdict(set)
    for thread, stack, count in stacks.samples:
        pool = NUMBERED.sub("", thread)
        if pool == thread or not stack:
            continue
        members[pool].add(thread)
        if frames.users_frame(meta, stack) is not None:
            used[pool] += count
        elif frames.waits_for_work(stack[-1]):
            idle[pool] += count
    return (idle[pool] / looks for pool in members if used[pool] >= USED * looks)
