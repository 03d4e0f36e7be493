"""A finding about code that names no line says why, where somebody said why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from loadlab.diagnosis.judge import _with_reason
from loadlab.diagnosis.model import Finding, Remedy
from loadlab.recording.model import Event, Recording, Stacks
from loadlab.rules import Where

REFUSED = "py-spy may not read this process"


def finding(**more: Any) -> Finding:
    given: dict[str, Any] = {
        "kind": "single_core",
        "branch": "cpu",
        "service": "app",
        "grade": "confirmed",
        "sentence": "app is limited by one CPU core",
        "evidence": (),
        "remedy": Remedy("cluster", "one worker per core"),
    }
    return Finding(**(given | more))


def recording(*notes: tuple[str, dict[str, Any]]) -> Recording:
    events = tuple(Event(1.0, "note", service, 0, 1, data) for service, data in notes)
    return cast("Recording", SimpleNamespace(events=events, stacks=()))


STACKS = {"text": REFUSED, "subject": "stacks"}


@pytest.mark.parametrize(
    ("found", "notes", "said"),
    [
        (finding(), [("app", STACKS)], REFUSED),
        (finding(), [("app", {"text": REFUSED, "subject": "native"})], REFUSED),
        (finding(), [("db", STACKS)], ""),
        (finding(), [("app", {"text": "the slow-down was short"})], ""),
        (finding(), [], ""),
        (finding(where=Where("f", "app.py", 3)), [("app", STACKS)], ""),
        (finding(branch="server_limit"), [("app", STACKS)], ""),
    ],
)
def test_the_reason_is_the_profilers_own(found: Finding, notes: list[tuple[str, dict[str, Any]]], said: str) -> None:
    assert _with_reason(found, recording(*notes)).no_line == said


@pytest.mark.parametrize(
    ("instance", "shown", "said"),
    [(None, (), REFUSED), (None, (1,), ""), (0, (1,), REFUSED), (1, (), ""), (1, (0,), "")],
)
def test_the_reason_of_one_instance_is_none_for_another(
    instance: int | None, shown: tuple[int, ...], said: str
) -> None:
    """The note is about instance 0: of two, the one without load had no stack to show."""
    stacks = tuple(Stacks("app", each, 1, "all", ()) for each in shown)
    events = (Event(1.0, "note", "app", 0, 1, STACKS),)
    seen = cast("Recording", SimpleNamespace(events=events, stacks=stacks))
    assert _with_reason(finding(instance=instance), seen).no_line == said
