"""The knee search on synthetic curves, at several noise levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from loadlab.load.search import FEWEST_HELD, MOST_BETWEEN, MOST_USERS, Knee, Measured, doublings, knee, next_users


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
    assert levels[-1].users <= max(64, 32 * n_star)


def test_without_a_limit_the_search_ends_at_its_own() -> None:
    levels, found = search(capped(1e9, 10), noise=0.0, seed=0)
    assert levels[-1].users == MOST_USERS
    assert not found.flat
    assert found.confidence == 0.0


def test_a_system_that_answers_nothing_ends_the_search() -> None:
    levels, found = search(lambda _: 0.0, noise=0.0, seed=0)
    assert len(levels) == 2
    assert found.users == FEWEST_HELD


def test_few_connections_at_one_of_two_workers_are_not_the_knee() -> None:
    """Four connections that all fell to one of two workers: flat at 1, 2, 4, and twice as much from 8 users on."""
    levels, found = search(lambda users: 300.0 if users <= 4 else 600.0, noise=0.0, seed=0)
    assert max(each.users for each in levels) >= 16
    assert found.flat and found.users == 16 and found.best_rps == 600.0


def test_levels_with_few_requests_lower_the_confidence() -> None:
    rates = ((1, 10.0), (2, 20.0), (4, 40.0), (8, 41.0), (16, 40.0))
    few, many = ([Measured(users, rps, count) for users, rps in rates] for count in (5, 500))
    assert knee(few).confidence < 0.75 < 0.9 < knee(many).confidence


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1])
def test_the_interval_holds_the_knee_as_often_as_it_says(noise: float) -> None:
    """Nine of ten, over knees from 1 to 100 users, of servers with and without a rounded knee."""
    chance, held, found = np.random.default_rng(7), 0, 0
    for seed in range(120):
        n_star, top = float(np.exp(chance.uniform(0, np.log(100)))), float(chance.uniform(100, 3000))
        curve = capped(top, top / n_star) if seed % 2 else station(top, n_star)
        levels, said = search(curve, noise=noise, seed=seed)
        assert len(levels) <= 15
        if said.flat:
            found += 1
            held += said.low * 0.97 <= n_star <= said.high * 1.03
            assert said.confidence > 0.5
    assert found >= 110
    assert held >= 0.85 * found


def station(top: float, n_star: float) -> Callable[[int], float]:
    """Exact mean value analysis of one queue and a pause."""

    def throughput(users: int) -> float:
        queue = rps = 0.0
        for number in range(1, users + 1):
            response = (1 + queue) / top
            rps = number / (response + (n_star - 1) / top)
            queue = rps * response
        return rps

    return throughput


def test_levels_between_two_doublings_come_after_them_and_are_few() -> None:
    levels, found = search(capped(400, 40), noise=0.0, seed=0)
    assert [each.users for each in doublings(levels)] == [1, 2, 4, 8, 16, 32, 64]
    between = [each.users for each in levels[7:]]
    assert 1 <= len(between) <= MOST_BETWEEN
    assert all(8 < each < 16 for each in between)
    assert found.at == pytest.approx(10, rel=0.1)
    assert found.users == 32


def test_a_search_goes_no_further_than_it_may() -> None:
    levels: list[Measured] = []
    while (users := next_users(levels, 20)) is not None:
        levels.append(Measured(users, 30.0 * users, 30 * users))
    assert [each.users for each in levels] == [1, 2, 4, 8, 16, 20]
    assert knee(levels, 20).users <= 20


def test_slow_answers_are_asked_for_by_eight_at_once() -> None:
    """Levels of two and four users would take as long as all the rest of a search."""
    slow = [Measured(1, 0.3, 1)]
    assert next_users(slow) == FEWEST_HELD
    assert next_users([*slow, Measured(8, 2.4, 10)]) == 16
    assert next_users(slow, 4) == 4
    assert next_users([Measured(1, 30.0, 30)]) == 2


def test_a_knee_below_the_eight_is_found_between() -> None:
    levels, found = search(capped(30, 10), noise=0.0, seed=0)
    assert [each.users for each in doublings(levels)] == [1, 8, 16, 32]
    assert found.flat and found.users == 16
    assert found.low <= 3 <= found.high
    assert found.at == pytest.approx(3, rel=0.35)
