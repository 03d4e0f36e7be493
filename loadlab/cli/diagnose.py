"""`loadlab diagnose`: what a recording says."""

from __future__ import annotations

import sys

import typer

from loadlab.cli import _recordings, _terminal
from loadlab.cli._options import RUNS, Json, Run, Runs


def diagnose(recording: Run = None, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Judge a recording again: the same answer on every machine.

    loadlab diagnose                  the newest recording in runs/
    loadlab diagnose single           the newest of a system
    loadlab diagnose 20261123-1704    the beginning of a name
    loadlab diagnose path/to/folder   wherever it lies

    Writes verdict.json and summary.md into the recording, of an interrupted run
    as well. Exit codes are those of "loadlab run".
    """
    folder = _recordings.find(recording, runs)
    from loadlab import flow
    from loadlab.cli import _verdict

    diagnosis = flow.diagnose(flow.read(folder))
    if as_json:
        sys.stdout.write((folder / "verdict.json").read_text(encoding="utf-8"))
    else:
        page = folder / "report.html"
        _verdict.show(diagnosis, page if page.is_file() else None)
        if not page.is_file():
            _terminal.say(f"loadlab report {folder}   makes the page", _terminal.err())
    raise typer.Exit(_verdict.exit_code(diagnosis))
