"""`loadlab ladder`: several arrangements side by side."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.cli import _recordings, _terminal
from loadlab.cli import _run_options as options
from loadlab.cli._options import RUNS, Json, Runs
from loadlab.cli._words import milliseconds
from loadlab.cli.run import _audience, _profile, _record, _spec
from loadlab.errors import LoadlabError, UsageError

if TYPE_CHECKING:
    from loadlab.report.ladder import Ladder, Rung
    from loadlab.spec.model import Profile, Spec

Systems = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SYSTEM]...", help="Samples, files or folders, run one after another, lowest rung first."),
]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="RUN", help="A recording that there is already; once for each, before the SYSTEMs."),
]


def ladder(
    systems: Systems = None,
    given: From = None,
    profile: options.ProfileName = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Compare arrangements under the same load: what each step brought.

    loadlab ladder single cluster balanced
    loadlab ladder --from single --from cluster
    loadlab ladder --from single cluster --json

    Capacity, latency at saturation, CPU seconds for 1,000 requests and the
    bottleneck of each. A SYSTEM is run, about a minute each; --from takes the
    newest recording of a system, or a folder. After Ctrl-C it says how to go on.
    """
    wanted, before = systems or [], given or []
    if len(before) + len(wanted) < 2:
        raise UsageError("a ladder has two rungs at least: name systems, or give --from RUN once for each recording")
    folders = [_recordings.find(each, runs) for each in before]
    specs = [_spec(each, {}, None) for each in wanted]  # a mistake in the last one is said before the first one runs
    chosen = [_profile(each, profile, None, None) for each in specs]
    for index, (spec, how) in enumerate(zip(specs, chosen, strict=True)):
        _terminal.say(f"{wanted[index]}: rung {len(folders) + 1} of {len(before) + len(wanted)}", _terminal.err())
        try:
            folders.append(_climbed(spec, how, runs, as_json=as_json))
        except LoadlabError:
            _terminal.say(f"to go on: {_rest(folders, wanted[index:], profile, runs)}", _terminal.err())
            raise
    _compare(folders, as_json=as_json)


def _climbed(spec: Spec, profile: Profile, runs: Path, *, as_json: bool) -> Path:
    """The recording of one system, judged and drawn as `loadlab run` does."""
    from loadlab import flow

    folder = _record(spec, profile, flow.Options(runs=runs), _audience(spec, profile, as_json=as_json, quiet=False))
    judged = flow.read(folder)
    flow.diagnose(judged)
    flow.render(judged)
    return folder


def _rest(done: list[Path], left: list[str], profile: str | None, runs: Path) -> str:
    """The command that keeps what is done."""
    words = ["loadlab", "ladder", *(word for each in done for word in ("--from", str(each))), *left]
    words += ["--profile", profile] if profile else []
    return shlex.join([*words, "--runs", str(runs)] if runs != RUNS else words)


def _compare(folders: list[Path], *, as_json: bool) -> None:
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
