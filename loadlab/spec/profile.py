"""A profile: how a system is loaded. From TOML to a Profile, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from loadlab.errors import SpecError
from loadlab.spec.model import LimitSet, Profile, Range
from loadlab.spec.problem import Loc, Problem, nearest
from loadlab.spec.repair import validate
from loadlab.spec.source import Source

LOWER_ENDS = ("throughput_rps",)
"""Limits of which more is better: a bare number, an upper end, is nearly always a slip."""
ONLY_CLOSED = ("users", "spawn_rate", "spike_users", "most_users")
ONLY_OPEN = ("rate", "arrivals", "max_in_flight", "spike_rate", "most_rate")
KEYS = {
    "constant": ("users", "spawn_rate", "rate"),
    "soak": ("users", "spawn_rate", "rate"),
    "ramp": ("users", "spawn_rate", "rate", "rise_s"),
    "search": ("users",),
    "steps": ("levels",),
    "spike": ("users", "rate", "spike_users", "spike_rate", "spike_s"),
    "breakpoint": ("users", "rate", "most_users", "most_rate", "growth", "step_s"),
    "replay": ("file", "speed", "methods"),
    "own": (),
}
"""The keys that mean something to each shape, beside those that mean something to all of its model."""
OF_SHAPES = frozenset(key for keys in KEYS.values() for key in keys)
ONE_MODEL = {"search": "closed", "own": "closed", "replay": "open"}
NEEDED = {
    ("closed", "constant"): {"users": "users = 10"},
    ("closed", "soak"): {"users": "users = 10"},
    ("closed", "steps"): {"levels": "levels = [5, 10, 20]"},
    ("closed", "spike"): {"users": "users = 10", "spike_users": "spike_users = 100"},
    ("open", "constant"): {"rate": "rate = 200"},
    ("open", "soak"): {"rate": "rate = 200"},
    ("open", "ramp"): {"rate": "rate = 200"},
    ("open", "steps"): {"levels": "levels = [50, 100, 200]"},
    ("open", "spike"): {"rate": "rate = 100", "spike_rate": "spike_rate = 1000"},
    ("open", "breakpoint"): {"rate": "rate = 50"},
    ("open", "replay"): {"file": 'file = "access.log"'},
}
"""What a model and a shape cannot do without, and how it is written."""
SAYS = {
    "users": "users",
    "rate": "a rate, in requests per second",
    "levels": "levels, which rise",
    "spike_users": "spike_users, its users at the top",
    "spike_rate": "spike_rate, its rate at the top",
    "file": "a file with the times of arrival",
}


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
    yield from _meaningless(profile, source)
    for key, example in NEEDED.get((profile.model, profile.shape), {}).items():
        if not source.given(key):
            yield Problem((), f"{_kind(profile, key)} needs {SAYS[key]}: {example}", missing=key)
    yield from _levels(profile, source)
    if profile.warmup_s >= profile.duration_s:
        key = "warmup_s" if source.given("warmup_s") else "duration_s"
        yield Problem((key,), f"warmup_s = {profile.warmup_s:g} leaves nothing of duration_s = {profile.duration_s:g}")
    yield from _limits(profile.limits, ("limits",))
    for endpoint, limits in profile.endpoint_limits.items():
        yield from _limits(limits, ("limits", endpoint))


def _kind(profile: Profile, key: str) -> str:
    if key == "rate":
        return "the open model"
    if key == "users":
        return f"a {profile.shape} load of the closed model"
    return f"the shape {profile.shape} of the {profile.model} model"


def _meaningless(profile: Profile, source: Source) -> Iterator[Problem]:
    """Keys of the other model, and of other shapes."""
    only = ONE_MODEL.get(profile.shape)
    if only is not None and profile.model != only:
        yield Problem(("shape",), f'is a shape of the {only} model; write model = "{only}"{_instead(profile)}')
        return
    wrong = ONLY_CLOSED if profile.model == "open" else ONLY_OPEN
    for key in wrong:
        if source.given(key):
            yield Problem((key,), f"means nothing in the {profile.model} model ({_of_model(profile.model)})")
    for key in sorted(OF_SHAPES - set(KEYS[profile.shape]) - set(wrong)):
        if source.given(key):
            yield Problem((key,), f"means nothing to the shape {profile.shape}{_known(profile.shape)}")


def _instead(profile: Profile) -> str:
    return ', or shape = "breakpoint"' if profile.shape == "search" else ""


def _known(shape: str) -> str:
    return f" (known to it: {', '.join(KEYS[shape])})" if KEYS[shape] else ""


def _levels(profile: Profile, source: Source) -> Iterator[Problem]:
    """Numbers that have to fit each other."""
    levels = profile.levels or ()
    if any(after <= before for before, after in pairwise(levels)) or min(levels, default=1) <= 0:
        yield Problem(("levels",), "must rise from one to the next; a load that falls again is a spike")
    elif profile.model == "closed" and any(each != int(each) for each in levels):
        yield Problem(("levels",), "are users in the closed model, so whole numbers")
    for low, high in (("users", "spike_users"), ("rate", "spike_rate"), ("users", "most_users"), ("rate", "most_rate")):
        least, most = getattr(profile, low), getattr(profile, high)
        if least is not None and most is not None and most <= least:
            yield Problem((high,), f"must be more than {low} = {least:g}")
    if profile.rise_s is not None and source.given("spawn_rate"):
        yield Problem(("rise_s",), "and spawn_rate say the same twice; give one of them")
    for key in ("rise_s", "spike_s"):
        value = getattr(profile, key)
        if value is not None and value >= profile.duration_s - profile.warmup_s:
            yield Problem((key,), f"leaves nothing of duration_s = {profile.duration_s:g} to measure in")


def _of_model(name: str) -> str:
    if name == "open":
        return "its requests leave on a schedule, whoever waits: give rate"
    return "its users wait for their answers: give users"


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
