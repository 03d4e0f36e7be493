"""From what the user typed to a Spec or a Profile: every problem of a file at once, as one SpecError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadlab.errors import SpecError, UsageError
from loadlab.spec import places, setting, source
from loadlab.spec import profile as profiles
from loadlab.spec import system as systems
from loadlab.spec.adhoc import adhoc
from loadlab.spec.checks.files import profile_path
from loadlab.spec.model import Profile, Spec
from loadlab.spec.problem import meant

__all__ = ["adhoc", "find", "profile", "system", "system_as"]

FILE = "loadlab.toml"
DEFAULT_SAMPLE = "single"


def find(argument: str | None, cwd: Path) -> Path:
    """The loadlab.toml that is meant: a file, a folder, a sample's name; by default the one here, else a sample.

    Raises UsageError for what is none of them, with the nearest name.
    """
    if argument is None:
        own = cwd / FILE
        return own if own.is_file() else places.samples() / DEFAULT_SAMPLE / FILE
    here = cwd / argument
    if here.is_file():
        return here
    if (here / FILE).is_file():
        return here / FILE
    sample = _sample(argument.rstrip("/"))
    if sample is not None:
        return sample
    raise UsageError(_not_found(argument, here))


def system(path: Path, services: Mapping[str, Any] | None = None, changes: Sequence[str] = ()) -> Spec:
    """The system in a file, with `changes` as `--set` takes them. Raises SpecError with every problem, UsageError for a
    change that is none. `services`: units by name, else loadlab's own."""
    return systems.build(setting.changed(source.read(path), changes), services)


def system_as(text: str, path: Path) -> Spec:
    """As `system`, were this the text of the file at that path."""
    return systems.build(source.parse(text, str(path), path.absolute().parent))


def profile(name_or_path: str, folder: Path) -> Profile:
    """A profile by its name in profiles/, or by its path, relative to `folder`. Raises SpecError with every problem."""
    path = profile_path(name_or_path, folder)
    if not path.is_file():
        if name_or_path.endswith(".toml") or "/" in name_or_path:
            raise SpecError([f"{path}: there is no such profile"])
        raise SpecError([f'no profile is called "{name_or_path}"{meant(name_or_path, places.profile_files())}'])
    written = source.read(path)
    built = profiles.build(written)
    beside = None if built.file is None else str((written.folder / built.file).resolve())
    return built.model_copy(update={"name": written.raw.get("name", path.stem), "file": beside})


def _sample(name: str) -> Path | None:
    """A sample by its full name, or by its last part where only one has it."""
    known = places.sample_files()
    if name in known:
        return known[name]
    ends = [path for each, path in known.items() if each.rsplit("/", 1)[-1] == name]
    return ends[0] if len(ends) == 1 else None


def _not_found(argument: str, here: Path) -> str:
    if here.is_dir():
        return f"{argument}: this folder has no {FILE}; `loadlab init` in it writes one"
    known = places.sample_files()
    what = "file" if argument.endswith(".toml") else "file, folder or sample"
    return f'"{argument}": there is no such {what}{meant(argument, known)}'
