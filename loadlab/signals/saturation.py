"""Was a limit reached at all? Throughput against users, and Little's law.

Source of the idea: gates G2 and G3 of operational analysis. In a closed system below saturation, throughput grows in
proportion to users (X = N / (R + Z)); at saturation it does not grow. No verdict on a system that was not saturated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from loadlab.recording.model import Level, Recording, Series
from loadlab.signals import asked
from loadlab.signals.latency import counts, mean_ms
from loadlab.signals.missing import Missing
from loadlab.signals.rates import increase, mean
from loadlab.signals.windows import Window, measured

REACHED = 1.30
"""Twice the users brought less than this factor of throughput: a limit. Linear growth is 2.0 and a hard limit 1.0; a
system served by one queueing station at 75% busy still gives about 1.3 on doubling (asymptotic bound 1/0.75)."""

KEPT = 0.97
"""Share of the open model's requests that must be answered. Poisson arrivals at 100/s for 10 s vary by 3%."""

SHORTEST_LEVEL_S = 0.3

APART = ("proof", "stacks", "after")
"""Phases whose levels say nothing of throughput at their load: something disturbs it, or what a spike left is still
being answered."""

WAITED = 0.5
"""Of the time that a user's round grew by between two levels, the least share that must be waiting for answers. By
Little's law a round is N / X, its waiting L / X, and pauses are the same at both levels: at a limit the share is 1.
Far below it, throughput is flat for another reason, such as pauses longer than the level, in which few users asked at
all."""

FLAT = 1.10
"""Twice the users brought less than this: flat. Ten per cent is what neighbouring windows differ by on shared
machines."""


@dataclass(frozen=True)
class Step:
    """One level: users, successful requests per second, failed per second."""

    users: int
    rps: float
    failed_rps: float
    seconds: float
    rate: float = 0.0
    """Of the open model, where users is 0: arrivals per second that were asked for."""
    waiting: float | None = None
    """Users who wait for an answer, mean: the larger of what their answers took, times their rate (Little), and of how
    many requests were under way when it was asked. None where neither is known."""


@dataclass(frozen=True)
class Saturation:
    """The levels in order of users, and what they say.

    growth: throughput at the most users over throughput at half as many (interpolated between the levels on a log
    scale).
    reached: True | False | None where there are not two levels to compare. best: the level with the highest throughput.
    """

    steps: tuple[Step, ...]
    growth: float | None
    reached: bool | None
    best: Step
    says: str


def compute(recording: Recording) -> Saturation:
    """Raises Missing where no level was long enough to count requests."""
    if recording.meta.profile.get("model") == "open":
        return _open(recording)
    steps = _steps(recording)
    if not steps:
        long = any(each.end - each.start >= SHORTEST_LEVEL_S for each in recording.levels)
        raise Missing("no request ended" if long else "no level of users was held long enough to count its requests")
    best = max(steps, key=lambda each: each.rps)
    growth = _growth(steps)
    reached = None if growth is None else growth < REACHED
    if reached and not _waited(steps):
        says = f"{_says(growth, None, best)}, but they waited no longer for it: pauses held it down, and no limit"
        return Saturation(steps, growth, False, best, says)
    return Saturation(steps, growth, reached, best, _says(growth, reached, best))


def _steps(recording: Recording) -> tuple[Step, ...]:
    by_users: dict[int, list[Level]] = {}
    for level in recording.levels:
        if level.end - level.start >= SHORTEST_LEVEL_S and level.phase not in APART:
            by_users.setdefault(level.users, []).append(level)
    steps = [_step(recording, users, levels) for users, levels in sorted(by_users.items())]
    return tuple(each for each in steps if each.rps + each.failed_rps > 0)


def _step(recording: Recording, users: int, levels: list[Level]) -> Step:
    parts = [counts(recording, Window(each.start, each.end)) for each in levels]
    seconds = sum(part[2] for part in parts)
    good, bad = sum(part[0] for part in parts) / seconds, sum(part[1] for part in parts) / seconds
    return Step(users, good, bad, seconds, waiting=_waiting(recording, levels, good + bad))


def _waiting(recording: Recording, levels: list[Level], per_s: float) -> float | None:
    windows = [Window(each.start, each.end) for each in levels]
    took = [ms for each in windows if (ms := mean_ms(recording, each)) is not None]
    under_way = _under_way(recording)
    asked = [
        sum(flying) for each in windows if (flying := [v for one in under_way if (v := mean(one, each)) is not None])
    ]
    answered = [sum(took) / len(took) / 1000 * per_s] if took else []
    found = max((*answered, *asked), default=None)
    return None if found is None else min(found, float(max(each.users for each in levels)))


def _under_way(recording: Recording) -> tuple[Series, ...]:
    """Requests that wait for an answer. Of Locust's HttpUser and other clients the generator hears at their end only;
    of those the kernel tells on how many connections an answer is due. Of answers alone, a level of a second would
    know only the quick ones."""
    told = recording.series("generator.in_flight")
    if any(np.nanmax(each.v, initial=0.0) > 0 for each in told):
        return told
    return tuple(each for each in recording.series("edges.outstanding") if each.entity.service == "generator")


def _waited(steps: tuple[Step, ...]) -> bool:
    """Whether what a round takes longer at the most users is time spent waiting. True where that is not known, and
    where requests fail: a refusal takes no time and is no answer."""
    top, lower = steps[-1], _lower(steps)
    if top.waiting is None or lower.waiting is None or top.failed_rps + lower.failed_rps > 0.01 * (top.rps + lower.rps):
        return True
    longer = top.users / top.rps - lower.users / lower.rps
    return longer <= 0 or top.waiting / top.rps - lower.waiting / lower.rps >= WAITED * longer


def _growth(steps: tuple[Step, ...]) -> float | None:
    """Throughput at the most users over the best that half as many or fewer reached, scaled to one doubling:
    g ** (1 / log2(users / users)).

    The best, not the next: one level that a neighbour on the machine disturbed must not look like room to grow.
    """
    if len(steps) < 2:
        return None
    top, lower = steps[-1], _lower(steps)
    if lower.rps <= 0 or top.rps <= 0 or lower.users == top.users:
        return None
    return float((top.rps / lower.rps) ** (1.0 / math.log2(top.users / lower.users)))


def _lower(steps: tuple[Step, ...]) -> Step:
    top = steps[-1]
    below = [each for each in steps[:-1] if each.users <= top.users / 1.9] or [steps[-2]]
    return max(below, key=lambda each: each.rps)


def _says(growth: float | None, reached: bool | None, best: Step) -> str:
    if growth is None:
        return "only one level of users was run, so nothing says whether more users would bring more throughput"
    text = f"twice the users changed throughput by a factor of {growth:.2f}"
    if reached is None:
        return text
    if reached:
        return f"{text}: a limit was reached, at {best.rps:.0f} requests/s"
    return f"{text}: no limit was reached up to {best.rps:.0f} requests/s"


def _open(recording: Recording) -> Saturation:
    """The open model reaches a limit where it does not get the answers it asks for."""
    steps = _rates(recording)
    try:
        window = measured(recording)
    except Missing:
        window = None
    wanted = None if window is None or window.phase != "steady" else asked.rate(recording, window)
    if window is None or wanted is None:
        raise Missing("the open model ran without a steady phase")
    good, bad, seconds = counts(recording, window)
    step = Step(0, good / seconds, bad / seconds, seconds, wanted)
    sent, due = (_increase(recording, name, window) for name in ("sent", "due"))
    # A task of a locustfile is several requests: what was sent is to be answered, what was due is to be sent.
    kept = good + bad >= KEPT * sent if due else (good + bad) / seconds >= KEPT * wanted
    kept = kept and (not due or _increase(recording, "not_sent", window) <= (1 - KEPT) * due)
    says = f"{sent / seconds if due else wanted:.0f} requests/s were asked for and {step.rps:.0f} were answered"
    every = steps or (step,)
    return Saturation(every, None, not kept, max(every, key=lambda each: each.rps), says)


def _rates(recording: Recording) -> tuple[Step, ...]:
    """The levels of an open model, by rate."""
    by_rate: dict[float, list[Level]] = {}
    for level in recording.levels:
        if level.end - level.start >= SHORTEST_LEVEL_S and level.rate > 0 and level.phase not in APART:
            by_rate.setdefault(level.rate, []).append(level)
    steps = [replace(_step(recording, 0, levels), rate=rate) for rate, levels in sorted(by_rate.items())]
    return tuple(each for each in steps if each.rps + each.failed_rps > 0)


def _increase(recording: Recording, name: str, window: Window) -> float:
    return sum(increase(each, window) for each in recording.series(f"generator.{name}"))
