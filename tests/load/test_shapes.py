"""Which profiles can be run, and how much load they ask for when."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.errors import SpecError
from loadlab.load.shapes import Part, check, parts, searches
from loadlab.spec.model import Profile


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (Profile(), None),
        (Profile(shape="search"), None),
        (Profile(shape="constant", users=5), None),
        (Profile(model="open", shape="constant", rate=10.0), None),
        (Profile(model="open", shape="ramp", rate=10.0), None),
        (Profile(shape="breakpoint"), None),
        (Profile(shape="own"), None),
        (Profile(shape="constant"), "needs `users`"),
        (Profile(model="open", shape="constant"), "needs `rate`"),
        (Profile(shape="steps", levels=(1, 2, 3, 4), duration_s=8, warmup_s=0), "need 9 s, and its duration is 8 s"),
        (Profile(shape="spike", users=1, spike_users=9, spike_s=20, duration_s=20, warmup_s=0), "need 24 s"),
        (Profile(users=100, spawn_rate=1), "need 103 s, and its duration is 60 s"),
    ],
)
def test_a_profile_is_refused_before_anything_starts(profile: Profile, says: str | None) -> None:
    if says is None:
        check(profile)
        return
    with pytest.raises(SpecError, match=says):
        check(profile)


def test_only_a_closed_ramp_without_users_searches() -> None:
    assert searches(Profile())
    assert searches(Profile(shape="search", users=50))
    assert not searches(Profile(users=10))
    assert not searches(Profile(model="open", rate=1.0))
    assert not searches(Profile(shape="breakpoint"))


OPEN: dict[str, Any] = {"model": "open", "warmup_s": 5.0}
TABLE = [
    (Profile(shape="soak", users=7), 50, [("warmup", 5, 7, 7), ("steady", 45, 7, 7)]),
    (
        Profile(shape="constant", users=7, spawn_rate=3.5),
        50,
        [("warmup", 2, 1, 7), ("warmup", 3, 7, 7), ("steady", 45, 7, 7)],
    ),
    (Profile(shape="constant", users=7), 6, [("warmup", 5, 7, 7), ("steady", 3, 7, 7)]),
    (Profile(users=20), 60, [("warmup", 15, 1, 20), ("steady", 45, 20, 20)]),
    (Profile(users=20, spawn_rate=10), 60, [("warmup", 2, 1, 20), ("warmup", 3, 20, 20), ("steady", 55, 20, 20)]),
    (Profile(rate=200, shape="ramp", rise_s=10, **OPEN), 60, [("warmup", 10, 0, 200), ("steady", 50, 200, 200)]),
    (
        Profile(shape="steps", levels=(5, 10, 20)),
        35,
        [("warmup", 5, 5, 5), ("steps", 10, 5, 5), ("steps", 10, 10, 10), ("steady", 10, 20, 20)],
    ),
    (
        Profile(shape="spike", rate=10, spike_rate=100, spike_s=9, **OPEN),
        30,
        [("warmup", 5, 10, 10), ("before", 8, 10, 10), ("steady", 9, 100, 100), ("after", 8, 10, 10)],
    ),
    (
        Profile(shape="spike", users=2, spike_users=20, warmup_s=0),
        30,
        [("before", 10, 2, 2), ("steady", 10, 20, 20), ("after", 10, 2, 2)],
    ),
]


@pytest.mark.parametrize(("profile", "seconds", "expected"), TABLE)
def test_the_parts_of_a_shape(
    profile: Profile, seconds: float, expected: list[tuple[str, float, float, float]]
) -> None:
    found = [(each.phase, each.seconds, each.first, each.last) for each in parts(profile, seconds)]
    assert found == expected


def test_a_part_that_rises_rises_evenly_and_stays_within_its_ends() -> None:
    part = Part("warmup", 10.0, 0.0, 200.0)
    assert [part.level_at(t) for t in (-1, 0, 2.5, 10, 11)] == [0, 0, 50, 200, 200]
    assert part.rises
    assert not Part("steady", 10.0, 5.0, 5.0).rises
