"""Whether a scaler comes to rest at a level load, or adds and takes away by turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from loadlab.signals.scaling import Change, Scaled, Second

LEVEL = 0.15
"""Of its highest second, what the load of a stretch may vary by and be level: arrivals at random, a hundred a second,
differ by a tenth from second to second."""

OWN = ("start", "search", "breakpoint", "more_users", "proof", "drain", "stop")
"""Phases in which loadlab raises the load itself, or keeps the scaler still."""


@dataclass(frozen=True)
class Hunt:
    """The longest stretch of a level load. turns: how often the scaler went the other way; outs, ins: decisions;
    fewest, most: instances that served; few_ms, many_ms: mean latency with so many, None where it is not known."""

    seconds: float
    asked: float
    turns: int
    outs: int
    ins: int
    fewest: int
    most: int
    few_ms: float | None
    many_ms: float | None


def hunt(scaled: Scaled) -> Hunt | None:
    """None where no load was level."""
    stretch = _level([each for each in scaled.seconds if each.phase not in OWN])
    if not stretch:
        return None
    start, end = stretch[0].start, stretch[-1].end
    steps = [each.step for each in scaled.changes if start <= each.t <= end]
    counts = [round(each.serving) for each in stretch if each.serving == each.serving]
    fewest, most = min(counts, default=0), max(counts, default=0)
    return Hunt(
        end - start,
        median(each.asked for each in stretch),
        turns(scaled.changes, start, end),
        sum(each > 0 for each in steps),
        sum(each < 0 for each in steps),
        fewest,
        most,
        _mean_ms(stretch, fewest),
        _mean_ms(stretch, most),
    )


def turns(changes: Sequence[Change], start: float, end: float) -> int:
    """How often a decision was the other way than the one before."""
    steps = [each.step for each in changes if start <= each.t <= end]
    return sum(one != other for one, other in pairwise(steps))


def _level(seconds: Sequence[Second]) -> Sequence[Second]:
    """The longest stretch without a gap whose load stays within LEVEL of its highest."""
    best: Sequence[Second] = ()
    first = 0
    for at, each in enumerate(seconds):
        if not each.asked > 0:
            first = at + 1
            continue
        while first < at and not _is_level(seconds[first : at + 1]):
            first += 1
        stretch = seconds[first : at + 1]
        if not best or _length(stretch) > _length(best):
            best = stretch
    return best


def _is_level(seconds: Sequence[Second]) -> bool:
    most = max(each.asked for each in seconds)
    apart = any(after.start - each.end > 1.0 for each, after in pairwise(seconds))
    return not apart and min(each.asked for each in seconds) >= (1 - LEVEL) * most


def _length(seconds: Sequence[Second]) -> float:
    return seconds[-1].end - seconds[0].start


def _mean_ms(seconds: Sequence[Second], serving: int) -> float | None:
    """Of all requests answered while so many instances served."""
    mine = [each for each in seconds if abs(each.serving - serving) < 0.25 and each.mean_ms is not None]
    count = sum(each.rps * (each.end - each.start) for each in mine)
    return sum(each.rps * (each.end - each.start) * (each.mean_ms or 0.0) for each in mine) / count if count else None
