"""The knee: users double until throughput stops rising; then the level just past it. Pure.

In a closed system throughput grows with users up to N* = (R0 + Z) / Dmax and is flat from there (asymptotic bounds).
The
steady level is twice the smallest one that reached nearly all of the best throughput: the limit is then saturated, and
queues are about as long as the service is wide, not absurd.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

RISES = 1.05
"""A doubling must bring this much more than the best so far to count as rising."""
PATIENCE = 2
"""Doublings without a rise that end the search: one may be noise, which on shared machines is 5 to 10%."""
NEARLY = 0.90
"""Share of the plateau at which the knee is: a plateau is known to a tenth, see PATIENCE."""
MOST_USERS = 1024
CONFIDENT = 30
"""Requests a level needs for its throughput to be known to 18% (one over the root of the count)."""


@dataclass(frozen=True)
class Measured:
    """One level: users, answered requests per second, how many that was."""

    users: int
    rps: float
    requests: int


@dataclass(frozen=True)
class Knee:
    """What the search found. users: the level to hold; flat: throughput had stopped rising; confidence: 0..1, the share
    of levels around the knee whose throughput is known well enough."""

    users: int
    best_rps: float
    flat: bool
    confidence: float


def next_users(levels: list[Measured], most: int = MOST_USERS) -> int | None:
    """The next level to try; None when the search is over."""
    if not levels:
        return 1
    if stalled(levels) >= PATIENCE or levels[-1].users >= most:
        return None
    return min(most, levels[-1].users * 2)


def stalled(levels: list[Measured]) -> int:
    """How many of the last levels did not beat the best before them."""
    count, best = 0, 0.0
    for each in levels:
        count = 0 if each.rps >= RISES * best and each.rps > 0 else count + 1
        best = max(best, each.rps)
    return count


def knee(levels: list[Measured], most: int = MOST_USERS) -> Knee:
    """The level to hold, from all levels tried. Raises ValueError without any."""
    if not levels:
        raise ValueError("no level was measured")
    # The median of the last levels is the plateau: a maximum would be whichever level noise favoured.
    plateau = median(each.rps for each in levels[-PATIENCE - 1 :])
    best = max(each.rps for each in levels)
    first = next(each for each in levels if each.rps >= NEARLY * plateau)
    flat = stalled(levels) >= 1 and levels[-1].users >= 2 * first.users
    near = [each for each in levels if first.users / 2 <= each.users <= first.users * 4]
    known = sum(1 for each in near if each.requests >= CONFIDENT)
    users = min(most, max(2, first.users * 2))
    return Knee(users, best, flat, known / len(near) if flat else 0.0)
