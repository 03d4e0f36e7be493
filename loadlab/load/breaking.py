"""The breakpoint: the load rises level by level until a limit of the profile breaks, errors or throughput say that it
is enough, or the profile's own end is reached. Pure.

Each level is held on its own and judged on its own: a percentile over a load that rises would mix good levels with bad.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from loadlab.load.search import ENOUGH
from loadlab.spec.model import LimitSet, Profile, Range

Floats = npt.NDArray[np.float64]

ERRORS = 0.05
"""Share of failed requests that breaks a level where the profile has no limit for it: one of twenty is no longer an
accident, and the answers that are left are those of a system in trouble."""
KEPT = 0.95
"""Share of a rate that must be answered, and sent: past a limit the shortfall grows with every second, so that five per
cent are seen within a level of a few seconds; below it, only what is under way at the border is missing."""
FLAT = 1.10
"""Twice the users brought less than this factor of throughput. Neighbouring windows on shared machines differ by 5 to
10%."""
MOST_USERS = 4096
MOST_TIMES = 1000.0
"""An open breakpoint without `most_rate` gives up at so many times the rate it began with."""
PERCENTS = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}


@dataclass(frozen=True)
class Seen:
    """One level, as it was measured. due: arrivals whose moment came (open model); latency_ms: of what succeeded, by
    endpoint."""

    level: float
    seconds: float
    succeeded: int
    failed: int
    due: int = 0
    latency_ms: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def rps(self) -> float:
        """Answered as they should, per second."""
        return self.succeeded / self.seconds if self.seconds > 0 else 0.0

    @property
    def error_rate(self) -> float:
        """Failed over all, 0..1."""
        ended = self.succeeded + self.failed
        return self.failed / ended if ended else 0.0


@dataclass(frozen=True)
class Broke:
    """What broke first. limit: "p95_ms", "error_rate", ... of the profile, or "throughput" (more load brings no more),
    or "generator" (it could not send what it should: nothing is known of the system there)."""

    limit: str
    value: float
    allowed: float
    endpoint: str = ""
    given: bool = True
    """Whether the profile names this limit."""


def next_level(profile: Profile, seen: Sequence[Seen]) -> float | None:
    """The level to try next; None where the profile's end is reached."""
    if not seen:
        return float((profile.rate if profile.model == "open" else profile.users) or 1)
    level = seen[-1].level
    if level >= most(profile):
        return None
    if profile.model == "open":
        return min(most(profile), level * profile.growth)
    return min(most(profile), max(level + 1, float(round(level * profile.growth))))


def most(profile: Profile) -> float:
    """Where the rise ends whatever holds."""
    if profile.model == "open":
        return profile.most_rate or MOST_TIMES * (profile.rate or 1.0)
    return float(profile.most_users or MOST_USERS)


def broke(profile: Profile, seen: Sequence[Seen]) -> Broke | None:
    """What broke at the last level; None where all held."""
    last = seen[-1]
    found = [each for each in _limits(profile, last) if each.value > each.allowed]
    if found:
        return max(found, key=lambda each: each.value / each.allowed if each.allowed > 0 else math.inf)
    if profile.limits.error_rate is None and last.error_rate > ERRORS:
        return Broke("error_rate", last.error_rate, ERRORS, given=False)
    return _open(last) if profile.model == "open" else _closed(seen)


def _limits(profile: Profile, seen: Seen) -> Iterator[Broke]:
    """Every upper end of the profile against what was measured. A lower end (throughput) says nothing of a load that is
    still low: it is judged at the end."""
    if seen.succeeded:
        every = np.concatenate(list(seen.latency_ms.values())) if seen.latency_ms else np.zeros(0)
        yield from _latencies(profile.limits, every, "")
        for endpoint, limits in profile.endpoint_limits.items():
            yield from _latencies(limits, seen.latency_ms.get(endpoint, np.zeros(0)), endpoint)
    allowed = upper(profile.limits.error_rate)
    if allowed is not None:
        yield Broke("error_rate", seen.error_rate, allowed)


def _latencies(limits: LimitSet, latency_ms: Floats, endpoint: str) -> Iterator[Broke]:
    for name, percent in PERCENTS.items():
        allowed = upper(getattr(limits, name))
        if allowed is not None and len(latency_ms):
            yield Broke(name, float(np.percentile(latency_ms, percent)), allowed, endpoint)


def upper(limit: float | Range | None) -> float | None:
    """The upper end of a limit, where it has one."""
    return limit.max if isinstance(limit, Range) else limit


def _open(seen: Seen) -> Broke | None:
    asked = seen.level * seen.seconds
    if asked <= 0:
        return None
    # Arrivals of a Poisson process vary by the root of their number; three of it are no accident.
    kept = min(KEPT, 1 - 3 / math.sqrt(asked))
    if seen.due < kept * asked:
        return Broke("generator", seen.due / seen.seconds, seen.level, given=False)
    answered = (seen.succeeded + seen.failed) / seen.seconds
    if answered < kept * seen.due / seen.seconds:
        return Broke("throughput", answered, seen.level, given=False)
    return None


def _closed(seen: Sequence[Seen]) -> Broke | None:
    """Throughput of the last two levels (their mean: one may be disturbed) against the best with half as many users."""
    last = seen[-2:]
    below = [each.rps for each in seen if each.level <= last[0].level / 2 and each.succeeded >= ENOUGH]
    if not below or any(each.succeeded < ENOUGH for each in last):
        return None
    now = fmean(each.rps for each in last)
    return Broke("throughput", now, FLAT * max(below), given=False) if now < FLAT * max(below) else None


def facts(profile: Profile, seen: Sequence[Seen], found: Broke | None) -> dict[str, Any]:
    """What the recording keeps: an event's data. held: the last level at which all held, None where none did."""
    good = seen[: -1 if found else None]
    return {
        "model": profile.model,
        "level": seen[-1].level,
        "held": good[-1].level if good else None,
        "held_rps": round(good[-1].rps, 1) if good else None,
        "limit": found.limit if found else None,
        "endpoint": found.endpoint if found else "",
        "value": round(found.value, 4) if found else None,
        "allowed": round(found.allowed, 4) if found else None,
        "given": found.given if found else False,
    }
