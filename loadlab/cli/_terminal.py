"""Where text goes: results to stdout, the rest to stderr; colours and live screens only where somebody looks."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from loadlab.errors import Interrupted, LoadlabError, SpecError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def out() -> Console:
    """For results."""
    return _console(sys.stdout)


def err() -> Console:
    """For progress and complaints."""
    return _console(sys.stderr)


def is_watched(stream: TextIO) -> bool:
    """Whether a person sees the stream as it is written. CI=true says no, whatever the stream is."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not _is_set("CI")


def can_draw(stream: TextIO) -> bool:
    """Whether a live screen can be shown there: watched, and able to show bars."""
    return is_watched(stream) and (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"


def say(text: str | Text, console: Console | None = None) -> None:
    """Text as it is: no markup, no numbers coloured, no lines broken where nobody looks."""
    console = console or out()
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=not console.is_terminal)


def complain(error: LoadlabError) -> None:
    """What happened, where, and the way out."""
    from rich.text import Text

    console = err()
    label = ("stopped: ", "bold yellow") if isinstance(error, Interrupted) else ("error: ", "bold red")
    lines = list(error.problems) if isinstance(error, SpecError) else str(error).splitlines() or [type(error).__name__]
    if isinstance(error, SpecError) and len(lines) > 1:
        lines = [f"{len(lines)} problems", *(f"  {each}" for each in lines)]
    say(Text.assemble(label, lines[0]), console)
    for line in lines[1:]:
        say(line, console)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    watched = is_watched(stream)
    return Console(file=stream, force_terminal=watched, no_color=None if watched else True, highlight=False)


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() not in ("", "0", "false")
