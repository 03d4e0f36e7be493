"""trial.jsonl: what came of trying a remedy, an event a line, written after the run and before it is judged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from loadlab.errors import RecordingError
from loadlab.recording.format import TRIAL
from loadlab.recording.model import Event

KINDS = ("trial", "tried")


def write_trial(folder: Path, events: Iterable[Event]) -> None:
    """Replaces the file. Raises RecordingError."""
    path = folder / TRIAL
    beside = path.with_name(TRIAL + ".new")
    try:
        beside.write_text("".join(json.dumps(asdict(each)) + "\n" for each in events), encoding="ascii")
        beside.replace(path)
    except OSError as error:
        raise RecordingError(f"{path} could not be written: {error.strerror}; free some space or use --runs") from error


def read_trial(folder: Path) -> tuple[Event, ...]:
    """() where nothing was tried. Raises RecordingError for lines that are none of ours."""
    path = folder / TRIAL
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    return tuple(_event(path, number, line) for number, line in enumerate(lines, 1))


def _event(path: Path, number: int, line: str) -> Event:
    try:
        found = json.loads(line)
        event = Event(float(found["t"]), str(found["kind"]), str(found["service"]), data=dict(found["data"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordingError(f"{path}:{number}: is no event; the file was altered, make the run again") from error
    if event.kind not in KINDS:
        raise RecordingError(f'{path}:{number}: "{event.kind}" is none of {", ".join(KINDS)}')
    return event
