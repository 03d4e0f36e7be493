"""What breaks a level, and which: a table of levels as they might be measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loadlab.load.breaking import Broke, Seen, broke, facts, next_level
from loadlab.spec.model import LimitSet, Profile, Range

CLOSED: dict[str, Any] = {"shape": "breakpoint", "users": 4}
OPEN: dict[str, Any] = {"shape": "breakpoint", "model": "open", "rate": 100.0}


def level(users: float, rps: float, *, failed: int = 0, due: int = 0, ms: float = 20.0, name: str = "GET /") -> Seen:
    """Four seconds at so many requests per second, every hundredth ten times as slow."""
    count = round(4 * rps)
    latency = np.full(max(1, count), ms)
    latency[::100] = 10 * ms
    return Seen(users, 4.0, count, failed, due, {name: latency})


def limits(**more: Any) -> Profile:
    return Profile(limits=LimitSet(**more), **CLOSED)


@pytest.mark.parametrize(
    ("profile", "seen", "limit"),
    [
        (limits(p95_ms=30), [level(4, 100)], None),
        (limits(p95_ms=30), [level(4, 100, ms=31)], "p95_ms"),
        (limits(p95_ms=Range(max=30)), [level(4, 100, ms=31)], "p95_ms"),
        (limits(p99_ms=Range(min=1)), [level(4, 100)], None),
        (limits(max_ms=150), [level(4, 100)], "max_ms"),
        (limits(error_rate=0.01), [level(4, 100, failed=3)], None),
        (limits(error_rate=0.01), [level(4, 100, failed=5)], "error_rate"),
        (limits(error_rate=0.5), [level(4, 100, failed=100)], None),
        (limits(), [level(4, 100, failed=30)], "error_rate"),
        (limits(), [level(4, 0, failed=30)], "error_rate"),
        (limits(throughput_rps=Range(min=1000)), [level(4, 100)], None),
        (Profile(endpoint_limits={"GET /a": LimitSet(p95_ms=5)}, **CLOSED), [level(4, 100, name="GET /a")], "p95_ms"),
        (Profile(endpoint_limits={"GET /b": LimitSet(p95_ms=5)}, **CLOSED), [level(4, 100, name="GET /a")], None),
        (limits(), [level(4, 100), level(8, 195), level(10, 240)], None),
        (limits(), [level(4, 100), level(8, 104), level(10, 101)], "throughput"),
        (limits(), [level(4, 100), level(8, 140), level(10, 101)], None),
        (limits(), [level(4, 100), level(6, 100), level(7, 100)], None),
        (limits(), [level(4, 2), level(8, 2), level(10, 2)], None),
        (Profile(**OPEN), [level(100, 99, due=398)], None),
        (Profile(**OPEN), [level(100, 80, due=400)], "throughput"),
        (Profile(**OPEN), [level(100, 80, due=330)], "generator"),
        (Profile(**OPEN), [level(2, 1.25, due=8)], None),
    ],
)
def test_what_breaks(profile: Profile, seen: list[Seen], limit: str | None) -> None:
    found = broke(profile, seen)
    assert (found.limit if found else None) == limit


def test_the_limit_that_is_furthest_over_is_named_with_its_endpoint() -> None:
    profile = Profile(limits=LimitSet(p50_ms=19), endpoint_limits={"GET /": LimitSet(p99_ms=20)}, **CLOSED)
    found = broke(profile, [level(4, 101)])
    assert found is not None
    assert (found.limit, found.endpoint, found.allowed, found.given) == ("p99_ms", "GET /", 20.0, True)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_break_what_rises_and_a_limit_is_found(noise: float, seed: int) -> None:
    """A capacity of 40 users: not before three quarters of it, not after four times it."""
    chance = np.random.default_rng(seed)
    profile, seen = Profile(shape="breakpoint", users=2), list[Seen]()
    while not seen or broke(profile, seen) is None:
        users = next_level(profile, seen)
        assert users is not None
        seen.append(level(users, 10 * min(40, users) * max(0.1, 1 + noise * float(chance.standard_normal()))))
    assert 30 <= seen[-1].level <= 160


def test_levels_rise_to_the_profiles_end() -> None:
    for profile, expected in (
        (Profile(shape="breakpoint", users=1, most_users=10), [1, 2, 3, 4, 5, 6, 8, 10]),
        (Profile(shape="breakpoint", growth=3, most_users=50), [1, 3, 9, 27, 50]),
        (Profile(shape="breakpoint", model="open", rate=100, growth=2, most_rate=500), [100, 200, 400, 500]),
    ):
        seen: list[Seen] = []
        while (users := next_level(profile, seen)) is not None:
            seen.append(level(users, 100))
        assert [each.level for each in seen] == expected


def test_the_recording_keeps_what_broke_and_what_held() -> None:
    seen = [level(4, 100), level(6, 101.26)]
    found = facts(Profile(**CLOSED), seen, Broke("p95_ms", 31.0, 30.0))
    assert (found["level"], found["held"], found["held_rps"], found["limit"]) == (6, 4, 100.0, "p95_ms")
    nothing = facts(Profile(**CLOSED), seen, None)
    assert (nothing["level"], nothing["held"], nothing["limit"]) == (6, 6, None)
    assert facts(Profile(**CLOSED), seen[:1], Broke("throughput", 1, 2))["held"] is None
