"""Users that are told to stop, and users that stop themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from loadlab.load._mending import Leavers

R, S = "running", "stopping"
"""Locust's own words for a user's state."""


def told(user: Any) -> bool:
    return bool(user._state == S)


@pytest.mark.parametrize(
    ("looks", "themselves", "ending"),
    [
        ([{1: R, 2: R}], 0, False),
        ([{1: R, 2: S}], 0, True),
        ([{1: R, 2: S}, {1: R}], 0, False),
        ([{1: R, 2: R}, {1: R}], 1, False),
        ([{1: R, 2: S, 3: R}, {1: R}], 1, False),
        ([{1: R, 2: S, 3: R}, {1: S, 2: S}, {}], 1, False),
        ([{}, {1: R, 2: R}, {2: R, 3: R}, {3: R}], 2, False),
    ],
)
def test_who_left_by_themselves(looks: list[dict[int, str]], themselves: int, ending: bool) -> None:
    leavers, users, found = Leavers(told), dict[int, Any](), False
    for look in looks:
        for each, state in look.items():
            users.setdefault(each, SimpleNamespace())._state = state
        found = leavers.look({each: users[each] for each in look})
    assert (leavers.themselves, found) == (themselves, ending)


def test_who_was_told_to_stop_between_two_looks_did_not_leave_by_himself() -> None:
    leavers, user = Leavers(told), SimpleNamespace(_state=R)
    leavers.look({1: user})
    user._state = S
    leavers.look({})
    assert leavers.themselves == 0
