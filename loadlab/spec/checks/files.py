"""Files and folders that the spec names: they exist, and are what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadlab.spec import order, places
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem, meant, nearest
from loadlab.spec.source import Source

MOST_NEIGHBOURS = 200
"""Names of a folder that are looked through for a misspelling."""


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Every cwd, locustfile, profile, certificate and template that is not there."""
    if spec.load.locustfile is not None:
        yield from _file(spec.folder, spec.load.locustfile, ("load", "locustfile"))
    yield from _profile(spec)
    for index, service in source.each_service(spec):
        yield from _of_service(spec.folder, service, ("service", index))


def profile_path(name: str, folder: Path) -> Path:
    """Where a profile lies: a path where it looks like one, else a name in profiles/."""
    if name.endswith(".toml") or "/" in name:
        return folder / name
    return places.profile_files().get(name, folder / f"{name}.toml")


def _profile(spec: Spec) -> Iterator[Problem]:
    name = spec.load.profile
    if _is_file(profile_path(name, spec.folder)):
        return
    if name.endswith(".toml") or "/" in name:
        yield from _file(spec.folder, name, ("load", "profile"))
    else:
        yield Problem(("load", "profile"), f"no profile is called that{meant(name, places.profile_files())}")


def _of_service(folder: Path, service: ServiceSpec, loc: Loc) -> Iterator[Problem]:
    if not _is_dir(folder / service.cwd):
        says = f"there is no such folder: {_absolute(folder, service.cwd)}{_near(folder, service.cwd)}"
        yield Problem((*loc, "cwd"), says)
    if service.ca is not None:
        yield from _file(folder, service.ca, (*loc, "ca"))
    for key in ("config", "init"):
        value = service.with_.get(key)
        if isinstance(value, str):
            yield from _file(folder, value, (*loc, "with", key))
    config = service.with_.get("config")
    if isinstance(config, str) and config.endswith(order.TEMPLATE_SUFFIX):
        yield from _template(folder / config, (*loc, "with", "config"))


def _template(path: Path, loc: Loc) -> Iterator[Problem]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    says = order.template_problem(text)
    if says:
        yield Problem(loc, f"is no Jinja template: {says}")


def _file(folder: Path, written: str, loc: Loc) -> Iterator[Problem]:
    path = folder / written
    if _is_dir(path):
        yield Problem(loc, "is a folder; a file is wanted")
    elif not _is_file(path):
        yield Problem(loc, f"there is no such file: {_absolute(folder, written)}{_near(folder, written)}")


def _near(folder: Path, written: str) -> str:
    """A neighbour with nearly that name."""
    path = folder / written
    try:
        neighbours = [each.name for _, each in zip(range(MOST_NEIGHBOURS), path.parent.iterdir(), strict=False)]
    except (OSError, ValueError):
        return ""
    guess = nearest(path.name, neighbours)
    return f'; did you mean "{(Path(written).parent / guess).as_posix()}"?' if guess is not None else ""


def _absolute(folder: Path, written: str) -> str:
    try:
        return str((folder / written).resolve())
    except (OSError, ValueError, RuntimeError):
        return str(folder / written)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
