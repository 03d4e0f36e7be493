"""What slowing each candidate did to throughput: E = relative loss of throughput / relative loss of capacity.

E near 1: the candidate is the bottleneck. E near 0: it is not. Each slowed window is compared with the undisturbed
windows next to it, so that drift of the machine cancels; the interval is a bootstrap over those pairs, seeded, so
that the same recording gives the same figures everywhere.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from loadlab.recording.model import Recording

MIN_ROUNDS = 3
"""Below three pairs a spread cannot be told from luck."""

RESAMPLES = 2000
"""The 95% ends of 2,000 resamples move by about 1% of the interval's width from seed to seed."""

SEED = 20_231


@dataclass(frozen=True, slots=True)
class Elasticity:
    """Of one candidate. low, high: 95% interval. rounds: pairs compared; share: capacity taken away, measured, 0..1.

    loss: throughput lost, 0..1, negative where it rose.
    """

    value: float
    low: float
    high: float
    rounds: int
    share: float
    loss: float


@dataclass(frozen=True, slots=True)
class _Window:
    candidate: str
    middle: float
    rate: float
    share: float


def elasticities(recording: Recording) -> dict[str, Elasticity]:
    """By candidate ("generator" among them), in alphabetical order. A candidate with fewer than MIN_ROUNDS usable
    windows is left out; empty where no experiment was made."""
    windows = _windows(recording)
    free = [each for each in windows if not each.candidate]
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in windows:
        undisturbed = _beside(free, each.middle)
        if each.candidate and undisturbed and each.share > 0:
            pairs[each.candidate].append((1 - each.rate / undisturbed, each.share))
    return {name: _estimate(pairs[name]) for name in sorted(pairs) if len(pairs[name]) >= MIN_ROUNDS}


def total(found: Mapping[str, Elasticity]) -> float | None:
    """The sum over all candidates: about 1 in a closed system at saturation whose limit is one of them; well below,
    where the limit is none of their speeds (a lock, a pool, a limiter, a wait). None where nothing was tried."""
    return sum(each.value for each in found.values()) if found else None


def _windows(recording: Recording) -> list[_Window]:
    found = []
    for event in recording.events:
        if event.kind != "slowed":
            continue
        try:
            start, end = float(event.data["start"]), float(event.data["end"])
            rate = float(event.data["completed"]) / (end - start)
            share = float(event.data["share"])
            name = str(event.data["candidate"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if all(map(math.isfinite, (start, end, rate, share))) and end > start:
            found.append(_Window(name, (start + end) / 2, rate, share))
    return sorted(found, key=lambda each: each.middle)


def _beside(free: Sequence[_Window], t: float) -> float | None:
    """The undisturbed rate at t: between the nearest window before and the nearest after, by distance. None without
    any."""
    before = next((each for each in reversed(free) if each.middle <= t), None)
    after = next((each for each in free if each.middle > t), None)
    if before is None or after is None:
        only = before or after
        return only.rate if only else None
    weight = (t - before.middle) / (after.middle - before.middle)
    return before.rate * (1 - weight) + after.rate * weight


def _estimate(pairs: Sequence[tuple[float, float]]) -> Elasticity:
    loss, share = np.array(pairs, dtype=np.float64).T
    value = float(loss.mean() / share.mean())
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(loss), size=(RESAMPLES, len(loss)))
    drawn: npt.NDArray[np.float64] = loss[picks].mean(axis=1) / share[picks].mean(axis=1)
    tail = _tail(len(loss))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Elasticity(value, float(low), float(high), len(loss), float(share.mean()), float(loss.mean()))


def _tail(count: int) -> float:
    """Which quantile of the resamples is the end of a 95% interval. The plain 2.5% is too narrow for few pairs; this is
    Hesterberg's expanded percentile interval (2015): as wide as Student's t, with the n/(n-1) a bootstrap loses."""
    degrees = count - 1
    z = NormalDist().inv_cdf(0.975)
    t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    return NormalDist().cdf(-math.sqrt(count / degrees) * t)
