"""run.json: the meta data and the timeline. Small, written whole, replaced in one step: a reader never sees half of
it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from loadlab.errors import RecordingError
from loadlab.recording.format import FORMAT, RUN
from loadlab.recording.model import Level, Meta, Phase
from loadlab.recording.plain import plain


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase or a level as run.json has it: end None while it lasts, and for ever where the run was killed in it."""

    name: str
    start: float
    end: float | None = None
    users: int = 0
    """Of a level."""
    rate: float = 0.0
    """Likewise."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """What run.json says. `phases` are named by their phase, `levels` by the phase they belong to."""

    meta: Meta
    phases: tuple[Stretch, ...] = ()
    levels: tuple[Stretch, ...] = ()

    def phases_until(self, end: float) -> tuple[Phase, ...]:
        """The phases; one whose end is not known ends at `end`."""
        return tuple(Phase(each.name, each.start, _end(each, end)) for each in self.phases)

    def levels_until(self, end: float) -> tuple[Level, ...]:
        """The levels, likewise."""
        return tuple(Level(each.users, each.start, _end(each, end), each.name, each.rate) for each in self.levels)


def _end(stretch: Stretch, end: float) -> float:
    return max(stretch.start, end) if stretch.end is None else stretch.end


def write(folder: Path, run: RunFile) -> None:
    """Replace run.json. Raises OSError."""
    body = plain(run.meta) | {"format": FORMAT, "phases": plain(run.phases), "levels": plain(run.levels)}
    beside = folder / (RUN + ".new")
    beside.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(folder / RUN)


def read(folder: Path) -> RunFile:
    """Raises RecordingError with the file, what is wrong with it, and the way out."""
    path = folder / RUN
    body = _load(path)
    found = body.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise RecordingError(f"{path}: has no format number, so it is no recording of loadlab's")
    if found > FORMAT:
        by = body.get("loadlab", "a newer loadlab")
        raise RecordingError(
            f"{path}: format {found}, written by loadlab {by}; this one reads up to {FORMAT}: update loadlab"
        )
    try:
        return _adapter().validate_python({"meta": body, "phases": body.get("phases"), "levels": body.get("levels")})
    except (ValidationError, RecursionError) as error:
        raise RecordingError(f"{path}: {_first(error)}; the file was altered, make the run again") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RecordingError(
            f"{path.parent}: is no recording (it has no {RUN}); `loadlab runs` lists the recordings"
        ) from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise RecordingError(
            f"{path}: is not valid JSON ({error}); the file was cut off or altered, make the run again"
        ) from error
    if not isinstance(body, dict):
        raise RecordingError(f"{path}: is not a JSON object, so it is no recording of loadlab's")
    return body


def _first(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


@cache
def _adapter() -> TypeAdapter[RunFile]:
    return TypeAdapter(RunFile)
