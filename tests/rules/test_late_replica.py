"""Requests that wait at a replica for what they have written ask it again and again: that is the lag's doing."""

from __future__ import annotations

import pytest

from loadlab.diagnosis.judge import diagnose
from tests.build import Builder, Proc
from tests.databases import Pg, behind_app

BY_KEY = "SELECT * FROM t WHERE id = $1"
PRIMARY = Pg(
    {"connections": 8, "active": 0.2, "on_cpu": 0.2}, {"INSERT INTO t VALUES ($1)": (50, 0.1, 1, 4)}, cores=0.05
)


def asked_until_it_shows(lag: float, noise: float) -> Builder:
    replica = Pg(
        {"connections": 22, "active": 0.2, "on_cpu": 0.2},
        {BY_KEY: (4000, 0.2, 1, 4)},
        lag=(lag, 5e4),
        lag_growth=1e4,
        cores=0.1,
    )
    return behind_app(PRIMARY, replica, noise=noise, app=Proc(cores=0.5, busy=0.6))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(
    ("lag", "kind", "advice"),
    [(2.9, "replica_lag", "Where it is asked again"), (0.02, "n_plus_one", "Ask once")],
    ids=["late", "it keeps up"],
)
def test_many_questions_to_a_late_replica_are_the_lags_doing(lag: float, kind: str, advice: str, noise: float) -> None:
    diagnosis = diagnose(asked_until_it_shows(lag, noise).recording())
    assert diagnosis.bottleneck is not None and diagnosis.bottleneck.kind == kind
    told = [each for each in (diagnosis.bottleneck, *diagnosis.others) if each.kind == "n_plus_one"]
    assert [each.remedy.text.startswith(advice) for each in told] == [True]
    late = any("it is replica 1 that is asked" in each.says for each in told[0].evidence)
    assert late == (kind == "replica_lag")
