"""Services that work for themselves: whatever is asked of the system, they use the same CPU.

A batch that indexes, a warm-up that never ends, a miner: the utilisation law says nothing of them (what they use over
the rate of requests is no request's demand), and a core of theirs that is full is no limit of the system's.
"""

from __future__ import annotations

from collections import defaultdict

from loadlab.recording.model import Recording
from loadlab.signals import cpu, latency
from loadlab.signals._once import once
from loadlab.signals.far_ends import far_end
from loadlab.signals.missing import Missing
from loadlab.signals.saturation import APART
from loadlab.signals.windows import Window

OTHERWISE = 2.0
"""Times as many requests a second, or as few, at which what serves them uses more or less of the CPU."""

SAME = 0.9
"""Share of its CPU at the higher rate that it used at the lower one, from which on the rate makes no difference. Code
that is compiled while it runs is dearer at first, but not that much for twice the requests."""

LONGEST_S, SHORTEST_S = 2.0, 0.9
"""Of all levels at another rate together, at least; of one. A level of the search is a second long."""

USED = 0.05
"""Cores of which the kernel's clock tells a tenth in a second."""


@once
def compute(recording: Recording) -> frozenset[str]:
    """Their names: nobody asks them, they ask nobody, and their CPU does not follow the load. Empty where none of that
    is known."""
    try:
        now, used = latency.compute(recording).rps, cpu.compute(recording).services
        talk = _talk(recording)
    except Missing:
        return frozenset()
    alone = {name for name, each in used.items() if name not in talk and each.cores >= USED}
    levels = _otherwise(recording, now) if alone else []
    if sum(window.length for window, _ in levels) < LONGEST_S:
        return frozenset()
    return frozenset(
        name
        for name in alone
        if all(_does_not_follow(used[name].cores, now, _cores(recording, name, window), rps) for window, rps in levels)
    )


def _talk(recording: Recording) -> set[str]:
    """Services with connections to others, at either end, but loadlab's own; and the one that gets the load."""
    series = recording.series("edges.connections")
    if not series:
        raise Missing("connections between services were not sampled")
    found = {recording.meta.target}
    for each in series:
        to = far_end(each.entity.name)[0]
        if each.entity.service != "loadlab" and to != each.entity.service:
            found |= {each.entity.service, to}
    return found


def _otherwise(recording: Recording, now: float) -> list[tuple[Window, float]]:
    """Levels at which many more or many fewer requests were answered."""
    found = []
    for level in recording.levels:
        window = Window(level.start, level.end)
        good, bad, seconds = latency.counts(recording, window)
        rps = (good + bad) / seconds if seconds > 0 else 0.0
        if level.phase in APART or window.length < SHORTEST_S or not rps:
            continue
        if rps >= OTHERWISE * now or now >= OTHERWISE * rps:
            found.append((window, rps))
    return found


def _cores(recording: Recording, name: str, window: Window) -> float:
    used: dict[str, float] = defaultdict(float)
    for each in cpu.processes(recording, window):
        used[each.entity.service] += each.cores
    return used[name]


def _does_not_follow(cores: float, rps: float, other_cores: float, other_rps: float) -> bool:
    low, high = sorted(((rps, cores), (other_rps, other_cores)))
    return low[1] >= SAME * high[1]
