"""The universal scalability law finds the numbers that made the data."""

from __future__ import annotations

import numpy as np
import pytest

from loadlab.signals.missing import Missing
from loadlab.signals.usl import fit, throughput

USERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


def levels(
    alone: float, contention: float, coherence: float, noise: float = 0.0, seed: int = 1
) -> list[tuple[int, float]]:
    rng = np.random.default_rng(seed)
    exact = throughput(np.array(USERS, dtype=float), alone, contention, coherence)
    return [(n, float(x)) for n, x in zip(USERS, exact * (1 + rng.normal(0, noise, len(USERS))), strict=True)]


@pytest.mark.parametrize(("alone", "contention", "coherence"), [(100, 0.05, 0.001), (900, 0.3, 0.01), (20, 0.02, 0.02)])
def test_exact_data_give_the_parameters_back(alone: float, contention: float, coherence: float) -> None:
    found = fit(levels(alone, contention, coherence))
    assert found.alone_rps.value == pytest.approx(alone, rel=1e-3)
    assert found.contention.value == pytest.approx(contention, rel=1e-2)
    assert found.coherence.value == pytest.approx(coherence, rel=1e-2)
    assert found.peak_users is not None
    assert found.peak_users.value == pytest.approx(np.sqrt((1 - contention) / coherence), rel=1e-2)
    assert found.error < 1e-4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
def test_the_interval_holds_the_truth_at_any_noise(noise: float, seed: int) -> None:
    found = fit(levels(100, 0.1, 0.005, noise, seed))
    wide = found.contention.high - found.contention.low
    assert found.contention.low - wide <= 0.1 <= found.contention.high + wide
    assert found.most_rps == pytest.approx(throughput(np.array([13.4]), 100, 0.1, 0.005)[0], rel=0.25)


@pytest.mark.parametrize("seed", range(5))
def test_a_flat_top_is_no_peak(seed: int) -> None:
    """One station at its limit: throughput levels off and does not fall."""
    found = fit(levels(100, 0.5, 0.0, 0.03, seed))
    assert found.peak_users is None or found.peak_users.value > USERS[-1] / 2
    assert found.most_rps == pytest.approx(200, rel=0.15)


def test_what_throughput_comes_to_is_bounded_by_both_terms_of_the_law() -> None:
    """One process on a machine with a restless neighbour, as recorded: contention alone would promise 929."""
    found = fit([(1, 222.0), (2, 420.0), (3, 631.0), (4, 460.0), (8, 614.0), (16, 568.0), (32, 610.0)])
    assert found.peak_rps is None
    assert found.most_rps is not None and 600 < found.most_rps < 700


def test_users_that_do_not_disturb_each_other_are_not_bounded() -> None:
    found = fit(levels(10, 0.0, 0.0))
    assert found.peak_users is None
    assert found.most_rps is None


@pytest.mark.parametrize("some", [[], [(1, 5.0)], [(1, 5.0), (2, 9.0), (4, 15.0), (8, 20.0)], [(0, 3.0)] * 9])
def test_too_few_levels_are_not_fitted(some: list[tuple[int, float]]) -> None:
    with pytest.raises(Missing, match="5 different numbers of users"):
        fit(some)
