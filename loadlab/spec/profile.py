"""A profile: how a system is loaded. From TOML to a Profile, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loadlab.errors import SpecError
from loadlab.spec.model import LimitSet, Profile, Range
from loadlab.spec.problem import Loc, Problem, nearest
from loadlab.spec.repair import validate
from loadlab.spec.source import Source

LOWER_ENDS = ("throughput_rps",)
"""Limits of which more is better: a bare number, an upper end, is nearly always a slip."""
ONLY_CLOSED = ("users", "spawn_rate")
ONLY_OPEN = ("rate", "arrivals")


def build(source: Source) -> Profile:
    """The profile of a file. Raises SpecError with every problem."""
    raw, moved = _split_limits(source.raw)
    model, found = validate(raw, Profile, {})
    problems = [_moved_back(each, moved) for each in found]
    problems += [Problem(("endpoint_limits",), "unknown key; limits of an endpoint stand in [limits]")] * (
        "endpoint_limits" in source.raw
    )
    if model is not None:
        said = [each.loc for each in problems]
        problems += [each for each in check(model, source) if not _was_said(each.loc, said)]
    lines = source.describe(problems)
    if lines or model is None:
        raise SpecError(lines)
    return model


def check(profile: Profile, source: Source) -> Iterator[Problem]:
    """What no single field can tell."""
    other, wrong = ("open", ONLY_CLOSED) if profile.model == "open" else ("closed", ONLY_OPEN)
    for key in wrong:
        if source.given(key):
            yield Problem((key,), f"means nothing in the {other} model ({_of_model(other)})")
    if profile.model == "open" and not source.given("rate") and profile.shape != "search":
        yield Problem((), "the open model needs a rate, in requests per second: rate = 200", missing="rate")
    if profile.model == "closed" and profile.shape == "constant" and not source.given("users"):
        yield Problem((), "a constant load of the closed model needs users, like users = 10", missing="users")
    if profile.warmup_s >= profile.duration_s:
        key = "warmup_s" if source.given("warmup_s") else "duration_s"
        yield Problem((key,), f"warmup_s = {profile.warmup_s:g} leaves nothing of duration_s = {profile.duration_s:g}")
    yield from _limits(profile.limits, ("limits",))
    for endpoint, limits in profile.endpoint_limits.items():
        yield from _limits(limits, ("limits", endpoint))


def _of_model(name: str) -> str:
    return "requests leave on a schedule: give rate" if name == "open" else "users wait for their answers: give users"


def _limits(limits: LimitSet, loc: Loc) -> Iterator[Problem]:
    for name in LimitSet.model_fields:
        limit = getattr(limits, name)
        if limit is not None:
            yield from _limit(name, limit, (*loc, name))


def _limit(name: str, limit: float | Range, loc: Loc) -> Iterator[Problem]:
    low, high = (limit.min, limit.max) if isinstance(limit, Range) else (None, limit)
    if low is None and high is None:
        yield Problem(loc, "has no end; give min, max or both")
    if low is not None and high is not None and low > high:
        yield Problem(loc, f"min = {low:g} is more than max = {high:g}; nothing fits between")
    if any(end is not None and end < 0 for end in (low, high)):
        yield Problem(loc, "cannot be less than 0")
    if name == "error_rate" and any(end is not None and end > 1 for end in (low, high)):
        yield Problem(loc, "is a share of all requests, from 0 to 1: one percent is 0.01")
    if name in LOWER_ENDS and not isinstance(limit, Range):
        yield Problem(loc, f"a bare number is an upper end, and less would pass; write {{ min = {limit:g} }}")


def _split_limits(raw: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """[limits] holds limits over all endpoints and tables named after one; the latter become endpoint_limits."""
    limits = raw.get("limits")
    if not isinstance(limits, dict):
        return {key: value for key, value in raw.items() if key != "endpoint_limits"}, frozenset()
    endpoints = {key: value for key, value in limits.items() if isinstance(value, dict) and _is_endpoint(key)}
    rest = {key: value for key, value in limits.items() if key not in endpoints}
    others = {key: value for key, value in raw.items() if key not in ("limits", "endpoint_limits")}
    return {**others, "limits": rest, "endpoint_limits": endpoints}, frozenset(endpoints)


def _is_endpoint(key: str) -> bool:
    """`p95_m = { max = 100 }` is a misspelled limit, "GET /orders" an endpoint."""
    known = LimitSet.model_fields
    return key not in known and (" " in key or "/" in key or nearest(key, known) is None)


def _was_said(loc: Loc, said: list[Loc]) -> bool:
    """Whether something at this key, or inside it, was wrong already."""
    return bool(loc) and any(each[: len(loc)] == loc for each in said)


def _moved_back(problem: Problem, moved: frozenset[str]) -> Problem:
    """The key path as it was written."""
    if len(problem.loc) > 1 and problem.loc[0] == "endpoint_limits" and problem.loc[1] in moved:
        return Problem(("limits", *problem.loc[1:]), problem.says, problem.with_found)
    return problem
