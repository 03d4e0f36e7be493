"""The nouns: what they refuse, and what they take for what."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from loadlab.spec.model import Limits, Profile, ServiceSpec, Spec, size_bytes


def _service(**fields: object) -> ServiceSpec:
    return ServiceSpec.model_validate({"name": "app", **fields})


def test_lists_become_tuples_and_nothing_else_is_converted() -> None:
    assert _service(command=["a", "b"]).command == ("a", "b")
    assert _service(limits={"cpu": 1}).limits == Limits(cpu=1.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"instances": "5"},
        {"instances": 5.0},
        {"instances": True},
        {"command": "a b"},
        {"command": ["a", 5]},
        {"command": []},
        {"verify": 1},
        {"env": {"A": 1}},
        {"limits": {"cpu": float("inf")}},
        {"limits": {"cpu": "0.5"}},
        {"no_such_key": 1},
        {"with_": {"a": 1}},
    ],
    ids=str,
)
def test_what_is_not_what_it_should_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _service(**fields)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("1.5GiB", 1_610_612_736), ("64 KiB", 65536), ("10B", 10), ("2GB", 2_000_000_000)],
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert size_bytes(text) == size
    assert Limits(memory=text).memory_bytes == size


def test_what_is_no_size_says_how_one_is_written() -> None:
    with pytest.raises(ValueError, match="512MB"):
        size_bytes("512")
    assert Limits().memory_bytes is None


def test_the_load_goes_to_the_balancer_unless_somebody_says_otherwise() -> None:
    services = [{"name": "app", "command": ["a"]}, {"name": "lb", "uses": "nginx", "role": "balancer"}]
    assert Spec.model_validate({"name": "s", "service": services}).target.name == "lb"
    assert Spec.model_validate({"name": "s", "service": services[:1]}).target.name == "app"
    assert Spec.model_validate({"name": "s", "service": services, "load": {"target": "app"}}).target.name == "app"


def test_a_spec_comes_back_from_what_is_stored_of_it() -> None:
    """run.json keeps the spec by alias, as the user wrote it."""
    spec = Spec.model_validate({"name": "s", "service": [{"name": "db", "uses": "postgres", "with": {"a": 1}}]})
    stored = spec.model_dump(by_alias=True, exclude_none=True)
    assert stored["service"][0]["with"] == {"a": 1}
    assert Spec.model_validate(stored) == spec


def test_a_profile_by_itself_is_the_default_run() -> None:
    profile = Profile()
    assert (profile.model, profile.shape, profile.users, profile.duration_s) == ("closed", "ramp", None, 60)
