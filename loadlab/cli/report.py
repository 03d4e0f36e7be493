"""`loadlab report`: the page of a recording."""

from __future__ import annotations

from typing import Annotated

import typer

from loadlab.cli import _recordings, _terminal
from loadlab.cli._options import RUNS, Run, Runs


def report(
    recording: Run = None,
    runs: Runs = RUNS,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Write report.html, one page that needs no network.

    loadlab report                 of the newest recording in runs/
    loadlab report single --open   of a system's newest, shown in the browser
    """
    from loadlab import flow

    page = flow.render(flow.read(_recordings.find(recording, runs)))
    _terminal.say(str(page))
    if show and not _opened(page.absolute().as_uri()):
        _terminal.say("no browser was found on this machine: open the page by hand", _terminal.err())


def _opened(address: str) -> bool:
    import webbrowser

    return webbrowser.open(address)
