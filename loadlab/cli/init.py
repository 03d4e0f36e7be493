"""`loadlab init`: a loadlab.toml for this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.cli import _terminal
from loadlab.errors import SpecError, UsageError

if TYPE_CHECKING:
    from loadlab.cli._projects import Found

FILE = "loadlab.toml"


def init(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where the application lies.")] = Path(),
    attach: Annotated[
        int | None,
        typer.Option(min=1, max=65535, metavar="PORT", help="Do not start it: it runs already, on this port."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a loadlab.toml that is there.")] = False,
) -> None:
    """Write a commented loadlab.toml for what this folder starts.

    loadlab init                  from Procfile, manage.py, app.py, package.json
    loadlab init --attach 8000    for what already listens on a port
    loadlab init shop --force     another folder; replaces the file there

    Your files are read; nothing of yours is imported or run.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    path = folder / FILE
    if path.exists() and not force:
        raise UsageError(f"{path} is there already and stays as it is; --force replaces it")
    from loadlab.cli import _projects
    from loadlab.cli._toml import text

    found = [_attached(attach)] if attach is not None else _projects.look(folder.absolute())
    if not found:
        raise UsageError(_nothing(folder))
    written = text(folder.absolute().name, found[0])
    _write(path, written)
    _tell(path, found)


def _write(path: Path, written: str) -> None:
    try:
        path.write_text(written, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _tell(path: Path, found: list[Found]) -> None:
    """What was found, why, and whether the file stands up to the checks `run` makes."""
    from loadlab.spec import read

    _terminal.say(f"wrote {path}, from {found[0].why}")
    for note in found[0].notes:
        _terminal.say(f"note: {note}")
    for other in found[1:4]:
        _terminal.say(f"also here, not used: {other.why}")
    try:
        read.system(path)
    except SpecError as error:
        _terminal.say("before it runs, correct this:")
        for problem in error.problems:
            _terminal.say(f"  {problem}")
        return
    where = "" if path.parent == Path() else f" {path.parent}"
    _terminal.say(f"look through it, then: loadlab run{where}")


def _attached(port: int) -> Found:
    from loadlab.cli._projects import Found
    from loadlab.services import _find

    who = _find.occupant(port)
    notes = () if who else (f"nobody listens on port {port} now: start the service before `loadlab run`",)
    return Found(f"port {port}" + (f": {who}" if who else ""), attach={"port": port}, notes=notes)


def _nothing(folder: Path) -> str:
    return (
        f"{folder.absolute()}: nothing was found that starts a server (looked for Procfile, manage.py, Python files "
        "with an application object, package.json). For what already runs: loadlab init --attach PORT. Without a file: "
        'loadlab run --command "python server.py --port {port}"'
    )
