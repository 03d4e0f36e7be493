"""A score on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab.cli import _terminal

if TYPE_CHECKING:
    from rich.table import Table

    from loadlab.scoreboard.binding import Binding
    from loadlab.scoreboard.case import Case
    from loadlab.scoreboard.result import Key, Result
    from loadlab.scoreboard.score import Score

SIGNS = {True: ("reached", "green"), False: ("missed", "bold red"), None: ("", "dim")}


def show(score: Score, bindings: Sequence[Binding], page: Path) -> None:
    """Figures, grades, the matrix without its empty cells, failures; how many faults were shown to bind."""
    from loadlab.report.scoreboard import rows, text_of

    console = _terminal.out()
    if bindings:
        _terminal.say(f"{sum(each.binds for each in bindings)} of {len(bindings)} faults were shown to bind", console)
    if not score.results:
        _terminal.say(f"page: {page}" if bindings else "nothing has been run yet", console)
        return
    figures = _table("", "measured", "goal", "")
    for goal in score.goals:
        figures.add_row(goal.name, text_of(goal.share), f"{100 * goal.least:.0f}%", _sign(goal.reached))
    for grade, share in score.grades.items():
        figures.add_row(f"{grade}: kind and service right", text_of(share), "", "")
    console.print(figures)
    matrix = _table("true", "runs", "right", "named instead")
    for row in rows(score):
        instead = ", ".join(f"{kind} ({count})" for kind, count in row.instead)
        matrix.add_row(row.truth, str(row.share.count), str(row.share.right), instead)
    console.print(matrix)
    _failures(score)
    if score.median_s is not None and score.longest_s is not None:
        _terminal.say(f"to a verdict: {score.median_s:.0f} s in the median, {score.longest_s:.0f} s at most", console)
    _terminal.say(f"page: {page}", console)


def _failures(score: Score) -> None:
    from loadlab.report.scoreboard import said_of

    console = _terminal.out()
    if not score.failures:
        _terminal.say("no failures", console)
        return
    _terminal.say("failures:", console)
    for each in score.failures:
        again = f" seed {each.seed}" if each.seed != 1 else ""
        _terminal.say(f"  {each.case}{again}: {each.truth} is true, named: {said_of(each)}", console)
        for wrong in each.wrong:
            _terminal.say(f"    {wrong}", console)
        if each.recording:
            _terminal.say(f"    recording: {each.recording}", console)


def show_cases(cases: Sequence[Case], known: Mapping[Key, Result]) -> None:
    """What is known of each, and how its runs so far came out."""
    console = _terminal.out()
    table = _table("case", "stack", "true", "where", "runs so far")
    for case in cases:
        done = [each for key, each in known.items() if key[0] == case.name]
        right = sum(not each.wrong for each in done)
        so_far = f"{right} of {len(done)} right" if done else "-"
        truth = " + ".join(dict.fromkeys((case.kind, *(each.kind for each in case.also)))) or "none"
        where = case.service + (f", {case.function}() in {case.file}" if case.function else "")
        if console.is_terminal:
            table.add_row(case.name, ", ".join(case.stacks), truth, where, so_far)
        else:
            _terminal.say("  ".join((case.name, ",".join(case.stacks), truth, where or "-", so_far)), console)
    if console.is_terminal:
        console.print(table)
    controls = sum(case.is_control for case in cases)
    _terminal.say(f"{len(cases)} cases, {controls} of them with nothing wrong", _terminal.err())


def _table(*heads: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _sign(reached: bool | None) -> str:
    text, style = SIGNS[reached]
    return f"[{style}]{text}[/]" if text else ""
