"""The knee: users double until throughput stops rising, then levels between the last two that differ halve the doubt.
Pure.

In a closed system throughput grows with users up to N* = (R0 + Z) / Dmax and is flat from there (asymptotic bounds):
X(N) = X* min(1, N / N*). Where N* lies, given noisy levels, is a distribution over N*, not a number: see `belief`.

The level held afterwards is twice the smallest doubling that reached nearly all of the best throughput, and FEWEST_HELD
at the least: the limit is then saturated, and queues are about as long as the service is wide, not absurd. It rests on
the doublings alone: a level between two of them refines what is said of the knee, and must not make the queue shorter
that the proof needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RISES = 1.05
"""A doubling must bring this much more than the best so far to count as rising."""
PATIENCE = 2
"""Doublings without a rise that end them: one may be noise, which on shared machines is 5 to 10%."""
NEARLY = 0.90
"""Share of the plateau at which a level counts as on it: a plateau is known to a tenth, see PATIENCE."""
MOST_USERS = 1024
NEAR = 1.3
"""The knee is found where levels this factor apart lie on both sides of it, and its place is said to that factor: a
neighbour's noise of a tenth moves it by as much as a fifth."""
ENOUGH = 30
"""Requests a level should have: the error of counting them is then below a fifth, and most of noise."""
SURE = 0.9
MOST_BETWEEN = 4
"""Levels after the doublings: 5 s."""
NOISE = 0.06
"""Standard deviation expected of a level's throughput beside that of counting: see PATIENCE."""
WORTH = 4.0
"""Levels that expectation is worth: more levels than that, and how well they fit decides."""
GRID = 400
FEWEST_HELD = 8
"""Users held at the least, and tried next where a single user's level was too slow for ENOUGH requests: levels of two
and four would take as long, and their answer would not change how many are held. Who waits for whom shows only where
several wait: at the knee of a single lock or core, twice its one user leave a queue of one. And eight connections
hardly ever fall all to one of two workers: once in 128."""


@dataclass(frozen=True)
class Measured:
    """One level: users, answered requests per second, how many that was."""

    users: int
    rps: float
    requests: int


@dataclass(frozen=True)
class Knee:
    """What the search found. users: the level to hold; flat: throughput had stopped rising; at: where the knee lies, in
    users, with the interval that holds it nine times of ten; confidence: 0..1, the probability that it lies within a
    factor NEAR of `at`; 0 where throughput still rose."""

    users: int
    best_rps: float
    flat: bool
    confidence: float
    at: float = 1.0
    low: float = 1.0
    high: float = 1.0


def next_users(levels: list[Measured], most: int = MOST_USERS) -> int | None:
    """The next level to try; None when the search is over."""
    if not levels:
        return 1
    doubled = doublings(levels)
    if len(doubled) < len(levels) or _is_flat(doubled):
        return _between(levels, len(levels) - len(doubled))
    last = levels[-1]
    slow = len(levels) == 1 and last.requests < ENOUGH
    return None if last.users >= most else min(most, max(2 * last.users, FEWEST_HELD) if slow else 2 * last.users)


def _is_flat(doubled: list[Measured]) -> bool:
    """Whether doubling is over. Few connections may all have fallen to one of several workers, and be flat there: so
    not before the users that are held at the least were doubled as well, unless nothing answers at all."""
    few = doubled[-1].users < 2 * FEWEST_HELD and any(each.requests for each in doubled)
    return stalled(doubled) >= PATIENCE and not few


def doublings(levels: list[Measured]) -> list[Measured]:
    """The first part of a search: each level more than the one before."""
    for at in range(1, len(levels)):
        if levels[at].users <= levels[at - 1].users:
            return levels[:at]
    return levels


def _between(levels: list[Measured], tried: int) -> int | None:
    """A level that has not been tried, in the middle (of logarithms) of the two around the knee."""
    if not any(each.requests for each in levels):
        return None
    found = knee(levels)
    below = max((each.users for each in levels if each.users <= found.at), default=1)
    above = min((each.users for each in levels if each.users > found.at), default=below)
    middle = round(math.sqrt(below * above))
    known = found.confidence >= SURE and above <= NEAR * below
    if not found.flat or known or tried >= MOST_BETWEEN or middle in (below, above):
        return None
    return middle


def stalled(levels: list[Measured]) -> int:
    """How many of the last levels did not beat the best before them."""
    count, best = 0, 0.0
    for each in levels:
        count = 0 if each.rps >= RISES * best and each.rps > 0 else count + 1
        best = max(best, each.rps)
    return count


def knee(levels: list[Measured], most: int = MOST_USERS) -> Knee:
    """The level to hold, and where the knee is, from all levels tried. Raises ValueError without any."""
    if not levels:
        raise ValueError("no level was measured")
    doubled = doublings(levels)
    answered = any(each.requests for each in levels)
    grid, mass = belief(levels) if answered else (np.ones(1), np.ones(1))
    low, at, high = (max(1.0, float(np.interp(p, np.cumsum(mass), grid))) for p in (0.05, 0.5, 0.95))
    # The median of the levels past the knee is the plateau, of the last ones at least: a maximum would be whichever
    # level noise favoured.
    beyond = [each.rps for each in doubled if each.users > at]
    plateau = median(beyond if len(beyond) > PATIENCE else [each.rps for each in doubled[-PATIENCE - 1 :]])
    best = max(each.rps for each in levels)
    first = next(each for each in doubled if each.rps >= NEARLY * plateau)
    flat = stalled(doubled) >= 1 and doubled[-1].users >= 2 * first.users
    users = min(most, max(FEWEST_HELD, first.users * 2))
    if not answered:
        return Knee(users, best, flat, 0.0)
    near = float(mass[(np.maximum(grid, 1) >= at / NEAR) & (np.maximum(grid, 1) <= at * NEAR)].sum())
    return Knee(users, best, flat, near if flat else 0.0, at, low, high)


def belief(levels: list[Measured]) -> tuple[Floats, Floats]:
    """N* on a grid, and how probable each value is.

    Of each N* the levels' log throughputs, less log min(1, N / N*), should be one number (log X*) and noise. With flat
    priors on log N* and log X*, and a noise of NOISE and of counting whose scale is itself uncertain (inverse gamma,
    worth WORTH levels), the probability falls as a power of the squared deviations: Student's t. Levels that fit the
    law badly so widen the interval, instead of being taken at their word.
    """
    answered = [each for each in levels if each.requests > 0]
    users = np.array([each.users for each in answered], dtype=np.float64)
    rps = np.array([max(each.rps, 1e-9) for each in answered])
    weight = 1 / (NOISE**2 + 1 / np.array([each.requests for each in answered], dtype=np.float64))
    grid = np.geomspace(0.5, 2 * users.max(), GRID)
    left = np.log(rps) - np.log(np.minimum(1.0, users / grid[:, None]))
    mean = (left * weight).sum(axis=1, keepdims=True) / weight.sum()
    squares = (weight * (left - mean) ** 2).sum(axis=1)
    log_mass = -0.5 * (WORTH + len(answered) - 1) * np.log(WORTH + squares)
    mass = np.exp(log_mass - log_mass.max())
    return grid, mass / mass.sum()
