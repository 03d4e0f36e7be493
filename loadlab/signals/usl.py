"""The universal scalability law, fitted to throughput against users.

X(N) = L N / (1 + s (N - 1) + k N (N - 1)): L requests/s of one user alone, s the share that is done one at a time
(contention), k what users cost each other in pairs (coherence). Source: Gunther, Guerrilla Capacity Planning. With
k > 0 throughput peaks at N* = sqrt((1 - s) / k) and falls beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.optimize import nnls

from loadlab.recording.model import Floats
from loadlab.signals.missing import Missing

FEWEST = 5
"""Different numbers of users. Three parameters through fewer points leave nothing to tell how well they fit."""

REPLICATES = 200
"""Fits to resampled residuals: the ends of a 95% interval are then the 5th fit from either side."""


EXACT = 1e-9
"""A share below is zero: the precision of the fit, not of any measurement."""


@dataclass(frozen=True)
class Interval:
    """A fitted value with the middle 95% of its bootstrap fits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Usl:
    """alone_rps: requests/s of one user. peak_users, peak_rps: where throughput is highest; None where coherence is not
    told from zero, so that throughput only levels off. error: root mean square of the relative residuals."""

    alone_rps: Interval
    contention: Interval
    coherence: Interval
    peak_users: Interval | None
    peak_rps: float | None
    error: float

    @property
    def most_rps(self) -> float | None:
        """What throughput comes to, at the peak or with any number of users; None where nothing bounds it. The fitted
        law bounds it by both its terms, also where a second run might find no coherence."""
        contention, coherence = self.contention.value, self.coherence.value
        if coherence > EXACT and contention < 1:
            users = np.array([max(1.0, sqrt((1 - contention) / coherence))])
            return float(throughput(users, self.alone_rps.value, contention, coherence)[0])
        return self.alone_rps.value / self.contention.value if self.contention.value > EXACT else None


def fit(levels: Sequence[tuple[int, float]]) -> Usl:
    """levels: users and requests/s, one for each number of users. Raises Missing with fewer than FEWEST of them."""
    found = sorted((users, rps) for users, rps in levels if users > 0 and rps > 0)
    if len({users for users, _ in found}) < FEWEST:
        raise Missing(
            f"{FEWEST} different numbers of users are needed to fit the scalability law, {len(found)} were run"
        )
    users, rps = (np.array(each, dtype=float) for each in zip(*found, strict=True))
    best = _fit(users, rps)
    modelled = throughput(users, *best)
    residuals = rps / modelled - 1
    chance = np.random.default_rng(0)
    many = np.array([_fit(users, modelled * (1 + chance.choice(residuals, len(users)))) for _ in range(REPLICATES)])
    alone, contention, coherence = (_interval(best[each], many[:, each]) for each in range(3))
    falls = coherence.low > EXACT and contention.value < 1
    falling = many[many[:, 2] > EXACT]
    peaks = np.sqrt(np.maximum(0.0, 1 - falling[:, 1]) / falling[:, 2])
    peak = sqrt((1 - best[1]) / best[2]) if falls else None
    return Usl(
        alone,
        contention,
        coherence,
        _interval(peak, peaks) if peak is not None else None,
        float(throughput(np.array([peak]), *best)[0]) if peak is not None else None,
        float(np.sqrt(np.mean(residuals**2))),
    )


def throughput(users: Floats, alone: float, contention: float, coherence: float) -> Floats:
    """The law itself, in requests/s."""
    found: Floats = alone * users / (1 + contention * (users - 1) + coherence * users * (users - 1))
    return found


def _fit(users: Floats, rps: Floats) -> tuple[float, float, float]:
    """Least squares of relative errors: a level of a few requests/s counts as much as one of many.

    N / X is linear in 1/L, s/L and k/L, none of which is negative, so no start has to be guessed.
    """
    terms = np.stack([np.ones_like(users), users - 1, users * (users - 1)], axis=1)
    (inverse, contention, coherence), _ = nnls(terms * (rps / users)[:, None], np.ones_like(users))
    if inverse <= 0:
        inverse = float(np.finfo(float).tiny)
    return 1 / inverse, contention / inverse, coherence / inverse


def _interval(value: float, many: Floats) -> Interval:
    low, high = np.percentile(many, (2.5, 97.5))
    return Interval(float(value), float(low), float(high))
