"""Was a limit reached? Curves of throughput against users, at several noise levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from loadlab.recording.model import Entity, Level
from loadlab.signals import saturation
from loadlab.signals.missing import Missing
from tests.build import Builder


def measured(
    curve: Callable[[int], float],
    *users: int,
    noise: float = 0.0,
    seed: int = 1,
    waiting: Callable[[int], float] = float,
) -> saturation.Saturation:
    built = Builder(noise=noise, seed=seed).service("app")
    for index, each in enumerate(users):
        built.levels.append(Level(each, index * 2.0, index * 2.0 + 2, "search"))
        for part in range(2):
            built._second(index * 2.0 + part, index * 2.0 + part + 1, curve(each), 0.0, waiting(each))
    return saturation.compute(built.recording())


def linear(users: int) -> float:
    return 40.0 * users


def flat(users: int) -> float:
    return min(400.0, 40.0 * users)


def retrograde(users: int) -> float:
    return 400.0 if users <= 10 else 400.0 * (10 / users) ** 0.3


def one_station(users: int) -> float:
    """Machine repair model with service time 2 ms and 8 ms elsewhere: 1/D = 500/s, N* = 5."""
    return min(500.0, 100.0 * users) * (1 - 0.5**users if users < 10 else 1)


DOUBLING = (1, 2, 4, 8, 16, 32, 64)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("curve", "users", "reached"),
    [
        (linear, DOUBLING, False),
        (flat, DOUBLING, True),
        (retrograde, DOUBLING, True),
        (one_station, DOUBLING, True),
        (linear, (8, 16), False),
        (flat, (64, 128), True),
        (linear, (4, 6), False),
    ],
)
def test_reached(curve: Callable[[int], float], users: tuple[int, ...], reached: bool, noise: float, seed: int) -> None:
    assert measured(curve, *users, noise=noise, seed=seed).reached is reached


def test_a_disturbed_level_is_no_room_to_grow() -> None:
    disturbed = {1: 241.0, 2: 425.0, 4: 262.0, 8: 437.0}
    assert measured(lambda users: disturbed[users], 1, 2, 4, 8).reached is True


def test_one_level_says_nothing() -> None:
    assert measured(flat, 16).reached is None


def test_no_level_is_missing() -> None:
    with pytest.raises(Missing):
        measured(flat)


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("curve", "waiting", "reached"),
    [
        (flat, lambda users: users, True),  # no pauses: all of them wait
        (flat, lambda users: max(0.4 * users, users - 240.0), True),  # pauses of 0.6 s: some of them wait at the limit
        (flat, lambda users: 0.02 * flat(users), False),  # 20 ms each at any level: it is the pauses that grew
        (flat, lambda users: 0.05, False),
        (linear, lambda users: users, False),
    ],
)
def test_flat_is_a_limit_only_where_users_wait_for_it(
    curve: Callable[[int], float], waiting: Callable[[int], float], reached: bool, noise: float, seed: int
) -> None:
    found = measured(curve, *DOUBLING, 128, 256, 512, waiting=waiting, noise=noise, seed=seed)
    assert found.reached is reached, found.says


@pytest.mark.parametrize(("told", "due", "reached"), [(0.0, 1.0, True), (0.0, 0.02, False), (1.0, 0.02, True)])
def test_of_a_client_that_tells_only_ends_the_kernel_tells_who_waits(told: float, due: float, reached: bool) -> None:
    """Recorded of Locust's HttpUser: some answers took longer than the level, and in flight there was never one. told:
    of the users, in flight as the generator knows; due: on whose connections an answer was."""
    built = Builder().service("app")
    for index, users in enumerate(DOUBLING):
        built.levels.append(Level(users, index * 2.0, index * 2.0 + 2, "search"))
        for part in range(2):
            built._second(index * 2.0 + part, index * 2.0 + part + 1, min(140.0, 70.0 * users), 0.0, 0.02 * users)
    users_at = np.repeat(DOUBLING, 4)[: len(built.t)].astype(float)
    users_at = np.append(users_at, np.full(len(built.t) - len(users_at), 8.0))
    built.add("generator.in_flight", Entity("generator", "generator"), told * users_at)
    built.add("edges.outstanding", Entity("edge", "generator", 0, name="app/0"), due * users_at)
    assert saturation.compute(built.recording()).reached is reached
