"""Whatever is done to a file, it is a Spec or a SpecError: no traceback reaches the user."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings

from loadlab.errors import SpecError
from loadlab.spec import lines, profile, source, system
from loadlab.spec.model import Profile, ServiceSpec, Spec
from loadlab.spec.placeholders import PLACEHOLDER, misspelled
from loadlab.spec.source import Source
from tests.spec.toml import GOOD, SERVICES

FOLDER = Path("/")
LEAVES = (
    st.none().map(lambda _: "")
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(
        ["app", "db", "{app.url}", "{dbx.url}", "{port}", "nginx", "../..", "\0", "x" * 300, "(", "a{99999999999}"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [each.alias or name for model in (Spec, ServiceSpec, Profile) for name, each in model.model_fields.items()]
    + ["http", "tcp", "log", "min", "max", "memory", "cpu", "url", "pid", "config", "upstream", "GET /", "p95_ms", ""]
)


def _slots(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside."""
    if isinstance(value, dict):
        return [slot for key, each in value.items() for slot in [(value, key), *_slots(each)]]
    if isinstance(value, list):
        return [slot for key, each in enumerate(value) for slot in [(value, key), *_slots(each)]]
    return []


def _mutate(raw: dict[str, Any], data: st.DataObject) -> None:
    """One value replaced, removed, or one key added."""
    container, key = data.draw(st.sampled_from(_slots(raw) or [(raw, "name")]))
    change = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "replace":
        container[key] = data.draw(VALUES)
    elif change == "remove" and raw:
        del container[key]
    elif isinstance(container, dict):
        container[data.draw(KEYS)] = data.draw(VALUES)
    else:
        container.append(data.draw(VALUES))


def _system(written: Source) -> Spec | None:
    try:
        return system.build(written, SERVICES)
    except SpecError as error:
        assert error.problems
        assert all("\n" not in each for each in error.problems)
        return None


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 5))
def test_a_good_system_with_changes_is_a_system_or_a_list_of_problems(data: st.DataObject, changes: int) -> None:
    raw = tomllib.loads(GOOD)
    for _ in range(changes):
        _mutate(raw, data)
    spec = _system(Source("x.toml", FOLDER, raw, lines.index(GOOD)))
    assert spec is None or spec.service


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 4))
def test_a_good_profile_with_changes_is_a_profile_or_a_list_of_problems(data: st.DataObject, changes: int) -> None:
    raw: dict[str, Any] = {"users": 5, "limits": {"p95_ms": 5, "error_rate": {"max": 0.1}, "GET /": {"p99_ms": 5}}}
    for _ in range(changes):
        _mutate(raw, data)
    try:
        assert profile.build(Source("x.toml", FOLDER, raw)).duration_s > 0
    except SpecError as error:
        assert error.problems


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_with_characters_lost_or_added_never_raises_anything_else(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = (
            text[:place]
            + data.draw(st.sampled_from(['"', "'''", "[", "]", "=", "{", "\n", "", "x", ","]))
            + text[place + cut :]
        )
    try:
        written = source.parse(text, "x.toml", FOLDER)
    except SpecError as error:
        assert error.problems
        return
    spec = _system(written)
    assert spec is None or not written.syntax, "a file with a syntax error is never run"


@given(st.text())
@example('a = """\n[x]\n"""')
def test_lines_of_any_text_lie_within_it(text: str) -> None:
    assert all(1 <= number <= len(text.splitlines()) for number in lines.index(text).values())


@given(st.text(alphabet="{}.abdprotuls", max_size=30))
def test_what_is_suggested_for_a_placeholder_is_never_misspelled_itself(text: str) -> None:
    for _, guess in misspelled(text, ["app", "db"]):
        assert PLACEHOLDER.fullmatch(guess)
        assert not list(misspelled(guess, ["app", "db"]))
