"""A finding about code that names no line says why, where somebody said why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from loadlab.diagnosis.judge import _with_reason
from loadlab.diagnosis.model import Finding, Remedy
from loadlab.recording.model import Event, Recording
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
    return cast("Recording", SimpleNamespace(events=events))


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
