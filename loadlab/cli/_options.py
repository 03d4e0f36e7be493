"""Options that several commands have, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RUNS = Path("runs")
Runs = Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where recordings are kept.")]
Json = Annotated[bool, typer.Option("--json", help="JSON to stdout and nothing else there.")]
Run = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="A folder, the beginning of its name, or a system's name; default: the newest."),
]
