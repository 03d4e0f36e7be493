"""When a scaler wanted more instances than took requests, and what users paid for it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from loadlab.signals.scaling import Scaled, Second

OWN = ("start", "search", "breakpoint", "stacks", "more_users", "proof", "drain", "stop")
"""Phases in which loadlab itself raises the load, or disturbs the system, to learn something: no users come like that.
"""

ALIKE = 0.10
"""Loads that differ by less are the same: what neighbouring seconds of throughput differ by on shared machines."""

SLOWER = 2.0
"""Mean latency over what it is at the same load once the instances are there. Neighbouring seconds differ by a half at
most while nothing queues."""

MUCH_SLOWER = 4.0
"""The same over what it was before, at a lower load: where a queue goes from 20% to 80% busy, latency is four times as
long with no fault at all (M/M/1)."""

SLOW_S = 5.0
"""So long users have waited before it counts: a scaler that looks at a mean of a few seconds, and an instance that
needs one to start, cannot be quicker by much."""

GAP_S = 2.0
"""A metric around its limit wobbles; two stretches so close are one."""

CALM_S = 3.0
"""Seconds of latency to compare with: fewer may be one lucky one."""


@dataclass(frozen=True)
class Behind:
    """A stretch in which the metric was above `out_above`, fewer than `max` instances served, and users waited.

    start, end: of that; slow_s: how long latency was high, at a mean of mean_ms; calm_ms: what it was otherwise, at the
    same load with more instances (caught_up) or before; first, then: instances that served at the start, and then.
    """

    start: float
    end: float
    slow_s: float
    mean_ms: float
    calm_ms: float
    caught_up: bool
    first: int
    then: int

    @property
    def slower(self) -> float:
        """Times."""
        return self.mean_ms / self.calm_ms


def stretches(scaled: Scaled, shape: str) -> tuple[Behind, ...]:
    """In order of time. shape: of the profile. A warm-up is there for a system to get ready in, but that of a ramp is
    the load's own rise."""
    apart = OWN if shape == "ramp" else (*OWN, "warmup")
    seconds = [each for each in scaled.seconds if each.phase not in apart]
    found = (_judge(scaled, seconds, group) for group in _groups(scaled, seconds))
    return tuple(each for each in found if each is not None)


def wants(scaled: Scaled, second: Second) -> bool:
    """More than it has, and could have more. An unknown metric wants nothing."""
    return second.value > scaled.out_above and round(second.serving) < scaled.maximum


def _groups(scaled: Scaled, seconds: Sequence[Second]) -> Iterator[list[Second]]:
    group: list[Second] = []
    for each in seconds:
        if not wants(scaled, each):
            continue
        if group and each.start - group[-1].end > GAP_S:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _judge(scaled: Scaled, seconds: Sequence[Second], group: Sequence[Second]) -> Behind | None:
    first, last = group[0], group[-1]
    alike = [each for each in seconds if abs(each.asked - last.asked) <= ALIKE * last.asked]
    calm = _with_more(alike, first)
    caught_up = bool(calm)
    if not caught_up:
        if _length([each for each in alike if each.start >= last.end and not wants(scaled, each)]) >= CALM_S:
            return None  # content again with no more instances: it was not for want of them
        calm = [each for each in seconds if each.end <= first.start and each.mean_ms and each.value <= scaled.out_above]
        if _length(calm) < CALM_S:
            return None
    calm_ms = median(each.mean_ms for each in calm if each.mean_ms is not None)
    # The metric is a mean: what it says of a moment began before it.
    since = first.start - scaled.late_s
    meant = [each for each in (alike if caught_up else seconds) if since <= each.start and each.end <= last.end]
    times = SLOWER if caught_up else MUCH_SLOWER
    slow = [each for each in meant if each.mean_ms is None or each.mean_ms >= times * calm_ms]
    answered = [(each.rps, each.mean_ms) for each in slow if each.mean_ms is not None]
    if _length(slow) < SLOW_S or not answered or calm_ms <= 0:
        return None
    mean_ms = sum(rps * ms for rps, ms in answered) / sum(rps for rps, _ in answered)
    then = calm if caught_up else group
    return Behind(
        slow[0].start,
        slow[-1].end,
        _length(slow),
        mean_ms,
        calm_ms,
        caught_up,
        round(first.serving),
        round(max(each.serving for each in then)),
    )


def _with_more(alike: Sequence[Second], first: Second) -> list[Second]:
    """The seconds at this load with the most instances, of which there are enough; none where those are no more than at
    first."""
    later = [each for each in alike if each.start >= first.start and each.mean_ms is not None]
    for serving in sorted({round(each.serving) for each in later}, reverse=True):
        mine = [each for each in later if abs(each.serving - serving) < 0.25]
        if _length(mine) >= CALM_S:
            return mine if serving > round(first.serving) else []
    return []


def _length(seconds: Sequence[Second]) -> float:
    return sum(each.end - each.start for each in seconds)
