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
    from loadlab.diagnosis.model import Capacity
    from loadlab.flow import Judged
    from loadlab.report.ladder import Ladder, Rung
    from loadlab.spec.model import Profile, Spec

BESIDE = "-at-70"
"""Added to a system's name for its run at a share of the capacity."""
CALM_S, RISE_S, WARM_S = 18.0, 6.0, 2.0
"""Ten seconds are measured: at 100 requests/s the p99 of a thousand, at 10 only the median is worth reading. The rate
rises to it: a system that was just started has cold caches and no connections, and a rate that comes all at once may
leave a queue of which it never gets rid."""

IN_FLIGHT = 4
"""Requests under way in that run at most, for each user of the capacity; what is due beyond waits, and its latency
counts from its moment. Where each opens a connection of its own, a server that lost a tenth of a second has thousands
to accept, and does not come back of it: clients have pools."""


Systems = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SYSTEM]...", help="Samples, files or folders, run one after another, lowest rung first."),
]
Page = Annotated[
    Path | None, typer.Option("--page", metavar="FILE", help="Where the page goes; default RUNS/ladder.html.")
]
Calm = Annotated[
    bool,
    typer.Option(
        "--calm/--no-calm", help="After each run a second, short one at 70% of the capacity: latency in daily use."
    ),
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
    page: Page = None,
    calm: Calm = True,
    as_json: Json = False,
) -> None:
    """Compare arrangements under the same load: what each step brought.

    loadlab ladder single cluster balanced
    loadlab ladder --from single --from cluster
    loadlab ladder --from single cluster --json

    Capacity, latency at the limit and at 70% of it, CPU seconds and memory for
    1,000 requests, scaling efficiency and the bottleneck of each; the page has
    the scalability law's curve as well. A SYSTEM is run, a minute and a quarter
    each; --from takes the newest recording of a system, or a folder. After
    Ctrl-C it says how to go on.
    """
    wanted, before = systems or [], given or []
    if len(before) + len(wanted) < 2:
        raise UsageError("a ladder has two rungs at least: name systems, or give --from RUN once for each recording")
    folders = [_recordings.find(each, runs) for each in before]
    specs = [_spec(each, {}, None) for each in wanted]  # a mistake in the last one is said before the first one runs
    chosen = [_profile(each, profile, None, None) for each in specs]
    page = _writable(page or runs / "ladder.html")
    for index, (spec, how) in enumerate(zip(specs, chosen, strict=True)):
        _terminal.say(f"{wanted[index]}: rung {len(folders) + 1} of {len(before) + len(wanted)}", _terminal.err())
        try:
            folders.append(_climbed(spec, how, runs, as_json=as_json))
            if calm:
                _calm(spec, folders[-1], runs, as_json=as_json)
        except LoadlabError:
            _terminal.say(f"to go on: {_rest(folders, wanted[index:], profile, runs)}", _terminal.err())
            raise
    _compare(folders, page, as_json=as_json)


def _writable(page: Path) -> Path:
    """Asked before minutes are spent on measuring."""
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a", encoding="utf-8"):
            return page
    except OSError as error:
        raise UsageError(f"--page {page} cannot be written: {error.strerror}; name another file") from error


def _climbed(spec: Spec, profile: Profile, runs: Path, *, as_json: bool, measured: bool = True) -> Path:
    """The recording of one system, judged and drawn as `loadlab run` does. measured: with stacks and the proof."""
    from loadlab import flow

    how = flow.Options(runs=runs, prove=None if measured else False, stacks=measured)
    folder = _record(spec, profile, how, _audience(spec, profile, as_json=as_json, quiet=False))
    judged = flow.read(folder)
    flow.diagnose(judged)
    flow.render(judged)
    return folder


def _calm(spec: Spec, folder: Path, runs: Path, *, as_json: bool) -> None:
    """The same system at a share of the capacity that was just measured. The open model asks for a path: users of a
    locustfile are not compared this way."""
    from loadlab import flow
    from loadlab.report.ladder import CALM

    capacity = flow.read(folder).diagnosis.capacity
    if capacity is None or capacity.requests_per_s <= 0 or spec.load.locustfile is not None:
        return
    profile = _daily(capacity)
    _terminal.say(f"{spec.name}: at {CALM:.0%} of its capacity, {profile.rate or 0:.0f} requests/s", _terminal.err())
    beside = spec.model_copy(update={"name": spec.name + BESIDE})
    _climbed(beside, profile, runs, as_json=as_json, measured=False)


def _daily(capacity: Capacity) -> Profile:
    """The load of a day: a share of what it can do, on a schedule."""
    from loadlab.report.ladder import CALM
    from loadlab.spec.model import Profile

    return Profile(
        name="calm", model="open", shape="ramp", rate=round(CALM * capacity.requests_per_s, 1),
        max_in_flight=IN_FLIGHT * max(1, capacity.users),
        duration_s=CALM_S, rise_s=RISE_S, warmup_s=RISE_S + WARM_S,
    )  # fmt: skip


def _rest(done: list[Path], left: list[str], profile: str | None, runs: Path) -> str:
    """The command that keeps what is done."""
    words = ["loadlab", "ladder", *(word for each in done for word in ("--from", str(each))), *left]
    words += ["--profile", profile] if profile else []
    return shlex.join([*words, "--runs", str(runs)] if runs != RUNS else words)


def _compare(folders: list[Path], page: Path, *, as_json: bool) -> None:
    from loadlab import flow
    from loadlab.report import ladder as ladders
    from loadlab.report import ladder_page

    judged = [flow.read(each) for each in folders]
    beside = [_beside(each) for each in folders]
    found = ladders.build(
        [(each.recording, each.diagnosis) for each in judged],
        [(each.recording, each.diagnosis) if each else None for each in map(_read, beside)],
    )
    page.write_text(ladder_page.render(found), encoding="utf-8")
    if as_json:
        sys.stdout.write(ladders.render(found))
    else:
        _show(found)
        _terminal.say(f"page: {page}")


def _beside(folder: Path) -> Path | None:
    """The run at a share of the capacity that was made after this one, and before the next of the same system."""
    name = _recordings.system_of(folder)
    later = [each for each in _recordings.all_of(folder.parent) if each.name > folder.name]
    for each in later:
        if _recordings.system_of(each) == name:
            return None
        if _recordings.system_of(each) == name + BESIDE:
            return each
    return None


def _read(folder: Path | None) -> Judged | None:
    from loadlab import flow

    return flow.read(folder) if folder else None


def _show(found: Ladder) -> None:
    from rich.table import Table

    from loadlab.report.ladder import CALM

    console = _terminal.out()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("system", no_wrap=True)
    for name in ("requests/s", "step", "p50 at 70%", "CPU s/1000", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what limits it", overflow="fold")
    for each in found.rungs:
        table.add_row(*_cells(each))
    console.print(table)
    for each in found.rungs:
        if each.no_calm:
            _terminal.say(f"{each.name} at {CALM:.0%}: {each.no_calm}", console)
    _terminal.say(found.says, console)


def _cells(rung: Rung) -> tuple[str, ...]:
    return (
        rung.name,
        _number(rung.capacity_rps, ".0f"),
        _number(rung.step, ".2f", "x"),
        milliseconds(rung.calm.p50_ms) if rung.calm else "-",
        _number(rung.cost.cpu_s_per_1000, ".2f"),
        _number(rung.cost.memory_mb, ".0f"),
        rung.kind or rung.outcome,
    )


def _number(value: float | None, how: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{how}}{unit}"
