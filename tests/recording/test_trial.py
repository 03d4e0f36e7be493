"""trial.jsonl: what was tried, as written and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import RecordingError
from loadlab.recording.model import Event
from loadlab.recording.trial import read_trial, write_trial

EVENTS = (
    Event(0.0, "trial", "app", data={"kind": "single_core", "says": "<b>\n", "why": "", "times": 2.0, "users": 8}),
    Event(1.5, "tried", data={"variant": "after", "round": 0, "start": 1.5, "end": 2.5, "completed": 9, "failed": 0}),
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_trial(tmp_path, EVENTS)
    assert read_trial(tmp_path) == EVENTS
    assert [each.name for each in tmp_path.iterdir()] == ["trial.jsonl"]


def test_a_run_without_one_has_none(tmp_path: Path) -> None:
    assert read_trial(tmp_path) == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"t": 1}', '{"t": 0, "kind": "slowed", "service": "", "data": {}}'])
def test_a_file_that_was_altered_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "trial.jsonl").write_text(text)
    with pytest.raises(RecordingError, match=r"trial\.jsonl:1"):
        read_trial(tmp_path)
