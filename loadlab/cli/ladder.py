"""`loadlab ladder`: several recordings side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.cli import _recordings, _terminal
from loadlab.cli._options import RUNS, Json, Runs
from loadlab.cli._words import milliseconds
from loadlab.errors import UsageError

if TYPE_CHECKING:
    from loadlab.report.ladder import Ladder, Rung

From = Annotated[
    list[str],
    typer.Option("--from", metavar="RUN", help="A recording, as for diagnose; once for each rung, lowest first."),
]


def ladder(given: From, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Compare arrangements under the same load: what each step brought.

    loadlab ladder --from single --from cluster --from balanced
    loadlab ladder --from runs/a --from runs/b --json

    Each is the newest recording of a system, or a folder. Capacity, latency at
    saturation, CPU seconds for 1,000 requests and the bottleneck of each.
    """
    if len(given) < 2:
        raise UsageError("a ladder has two rungs at least: give --from RUN once for each recording")
    folders: list[Path] = [_recordings.find(each, runs) for each in given]
    from loadlab import flow
    from loadlab.report import ladder as ladders

    judged = [flow.read(each) for each in folders]
    found = ladders.build([(each.recording, each.diagnosis) for each in judged])
    if as_json:
        sys.stdout.write(ladders.render(found))
    else:
        _show(found)


def _show(found: Ladder) -> None:
    from rich.table import Table

    console = _terminal.out()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("system", no_wrap=True)
    for name in ("requests/s", "step", "p50", "p99", "CPU s/1000"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what limits it", overflow="fold")
    for each in found.rungs:
        table.add_row(*_cells(each))
    console.print(table)
    _terminal.say(_says(found), console)


def _cells(rung: Rung) -> tuple[str, ...]:
    return (
        rung.name,
        _number(rung.capacity_rps, ".0f"),
        _number(rung.step, ".2f", "x"),
        milliseconds(rung.p50_ms),
        milliseconds(rung.p99_ms),
        _number(rung.cpu_s_per_1000, ".2f"),
        rung.kind or rung.outcome,
    )


def _number(value: float | None, how: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{how}}{unit}"


def _says(found: Ladder) -> str:
    best = found.best_step
    if not found.same_load:
        return "their loads differ: capacities do not compare; run them with one --profile"
    if best is None:
        return "no step brought a tenth more capacity than the one before it"
    return f"the step to {best.name} was worth most: {best.step:.2f} times the capacity of the one before it"
