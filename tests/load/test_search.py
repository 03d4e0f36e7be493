"""The knee search on synthetic curves, at several noise levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from loadlab.load.search import MOST_USERS, Knee, Measured, knee, next_users


def search(curve: Callable[[int], float], *, noise: float, seed: int) -> tuple[list[Measured], Knee]:
    chance = np.random.default_rng(seed)
    levels: list[Measured] = []
    while (users := next_users(levels)) is not None:
        rps = curve(users) * max(0.1, 1 + noise * float(chance.standard_normal()))
        levels.append(Measured(users, rps, round(rps)))
    return levels, knee(levels)


def capped(at: float, each: float) -> Callable[[int], float]:
    return lambda users: min(at, each * users)


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.08])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("at", "each"), [(300, 280), (400, 40), (2000, 50), (50, 10)])
def test_the_knee_is_just_past_where_it_gets_flat(at: float, each: float, noise: float, seed: int) -> None:
    levels, found = search(capped(at, each), noise=noise, seed=seed)
    n_star = at / each
    assert found.flat
    assert 0.8 * n_star <= found.users <= 8.1 * n_star + 2
    assert levels[-1].users <= 32 * max(1.0, n_star)


def test_without_a_limit_the_search_ends_at_its_own() -> None:
    levels, found = search(capped(1e9, 10), noise=0.0, seed=0)
    assert levels[-1].users == MOST_USERS
    assert not found.flat
    assert found.confidence == 0.0


def test_a_system_that_answers_nothing_ends_the_search() -> None:
    levels, found = search(lambda _: 0.0, noise=0.0, seed=0)
    assert len(levels) == 2
    assert found.users == 2


def test_levels_with_few_requests_lower_the_confidence() -> None:
    few = [Measured(users, rps, 5) for users, rps in ((1, 1.0), (2, 2.0), (4, 2.0), (8, 2.0))]
    assert knee(few).confidence == 0.0
