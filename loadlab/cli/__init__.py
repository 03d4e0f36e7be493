"""The command line: the only package that prints, reads argv and exits. One file per command.

Results go to stdout, everything about the way there to stderr: `loadlab run --json | jq` gets a verdict and nothing
else. Exit codes: 0 fine, 2 usage or a bad file, 4 something could not be started, 5 the run is not valid, 10 a limit
failed, 130 interrupted (errors.py has the whole table). 1 is left to Python's own tracebacks.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from loadlab import __version__
from loadlab.cli import _terminal
from loadlab.cli.check import check
from loadlab.cli.diagnose import diagnose
from loadlab.cli.explain import explain
from loadlab.cli.init import init
from loadlab.cli.ladder import ladder
from loadlab.cli.report import report
from loadlab.cli.run import run
from loadlab.cli.runs import runs
from loadlab.cli.scoreboard import scoreboard
from loadlab.cli.units import units
from loadlab.cli.worker import worker
from loadlab.errors import LoadlabError

COMMANDS: tuple[Callable[..., Any], ...] = (
    run, diagnose, report, ladder, runs, scoreboard, explain, units, check, init, worker,
)  # fmt: skip

app = typer.Typer(
    name="loadlab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a crash of ours is Python's own traceback and exit code 1
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows `?`, it does not stop a run
    app()


def show_version(wanted: bool) -> None:
    """`loadlab 0.1.0`."""
    if wanted:
        print(f"loadlab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="And leave.")
    ] = False,
) -> None:
    """Puts a system under load, watches it from outside, and names what limits it.

    [bold]loadlab run[/]                 ./loadlab.toml, else the sample "single"
    [bold]loadlab run --attach 8000[/]   a service that already runs here
    [bold]loadlab run balanced[/]        a sample, by name
    [bold]loadlab diagnose[/]            what the newest recording says
    [bold]loadlab check[/]               can this machine measure?
    """


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, leaving with the exit code of whatever it raises on purpose."""

    @functools.wraps(command)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except LoadlabError as error:
            _terminal.complain(error)
            raise typer.Exit(error.exit_code) from error

    return call


for _command in COMMANDS:
    app.command(_command.__name__)(guarded(_command))
