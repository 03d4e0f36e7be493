"""Which profiles can be run, and how many users they ask for."""

from __future__ import annotations

import pytest

from loadlab.errors import SpecError
from loadlab.load.shapes import check, searches, users_at
from loadlab.spec.model import Profile


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (Profile(), None),
        (Profile(shape="search"), None),
        (Profile(shape="constant", users=5), None),
        (Profile(model="open", shape="constant", rate=10.0), None),
        (Profile(shape="steps", users=5), "cannot be run yet"),
        (Profile(shape="constant"), "needs `users`"),
        (Profile(model="open", shape="constant"), "needs `rate`"),
        (Profile(model="open", shape="ramp", rate=10.0), "cannot be run yet"),
    ],
)
def test_a_profile_is_refused_before_anything_starts(profile: Profile, says: str | None) -> None:
    if says is None:
        check(profile)
        return
    with pytest.raises(SpecError, match=says):
        check(profile)


def test_only_a_ramp_without_users_searches() -> None:
    assert searches(Profile())
    assert not searches(Profile(users=10))
    assert not searches(Profile(model="open", rate=1.0))


def test_a_ramp_rises_and_stays() -> None:
    profile = Profile(users=20, spawn_rate=4.0, duration_s=60)
    assert [users_at(profile, t) for t in (0, 1, 2.5, 5, 50)] == [1, 5, 11, 20, 20]
    assert users_at(Profile(shape="constant", users=7), 0.0) == 7
