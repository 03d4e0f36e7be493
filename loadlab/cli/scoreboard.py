"""`loadlab scoreboard`: is it true? Cases whose bottleneck is known, run and held against that."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.cli import _cases, _terminal
from loadlab.cli._options import RUNS, Json, Runs
from loadlab.errors import EXIT_LIMIT_FAILED, Interrupted, UsageError

if TYPE_CHECKING:
    from loadlab.scoreboard.binding import Binding
    from loadlab.scoreboard.case import Case
    from loadlab.scoreboard.result import Result
    from loadlab.scoreboard.score import Score

WHICH, HOW, OUT = "Which cases", "How they are run", "What comes of it"
DURATION_S = 36.0
"""Shorter than a default run by fewer rounds of the proof."""

Names = Annotated[list[str] | None, typer.Argument(metavar="[CASE]...", help="By name; default: all.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="Whose true kind this is.", rich_help_panel=WHICH)
]
Stacks = Annotated[
    list[str] | None,
    typer.Option("--stack", metavar="STACK", help="flask, django, node, gunicorn, ...", rich_help_panel=WHICH),
]
Controls = Annotated[bool, typer.Option("--controls", help="With nothing wrong.", rich_help_panel=WHICH)]
Listed = Annotated[
    bool, typer.Option("--list", help="Show the cases and what is known of them; run none.", rich_help_panel=WHICH)
]
Duration = Annotated[
    float,
    typer.Option(min=20, metavar="SECONDS", help="Of each run that searches its knee.", rich_help_panel=HOW),
]
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", min=1, help="Draw the constants anew; several times for several.", rich_help_panel=HOW),
]
Repeat = Annotated[int, typer.Option(min=1, help="Run each case so often.", rich_help_panel=HOW)]
Again = Annotated[bool, typer.Option("--again", help="Run what has a result already as well.", rich_help_panel=HOW)]
NoRun = Annotated[bool, typer.Option("--no-run", help="Only show the results there are.", rich_help_panel=HOW)]
Rejudge = Annotated[
    bool,
    typer.Option(
        "--rejudge", help="Run none; judge the recordings there are by the rules of now.", rich_help_panel=HOW
    ),
]
Validate = Annotated[
    bool,
    typer.Option("--validate", help="Instead: does each fault bind? Run with it and mended.", rich_help_panel=HOW),
]
Results = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where results are kept; default RUNS/scoreboard.jsonl.", rich_help_panel=OUT),
]
Page = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The page; default RUNS/scoreboard.html.", rich_help_panel=OUT)
]
Write = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same in Markdown, for docs.", rich_help_panel=OUT)
]
Check = Annotated[
    bool, typer.Option("--check", help="Leave with 10 where a figure misses its goal.", rich_help_panel=OUT)
]


def scoreboard(
    names: Names = None,
    kinds: Kinds = None,
    stacks: Stacks = None,
    controls: Controls = False,
    listed: Listed = False,
    duration: Duration = DURATION_S,
    seeds: Seeds = None,
    repeat: Repeat = 1,
    again: Again = False,
    no_run: NoRun = False,
    rejudge: Rejudge = False,
    validate: Validate = False,
    runs: Runs = RUNS,
    results: Results = None,
    page: Page = None,
    write: Write = None,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Run systems whose bottleneck is known, and count true verdicts.

    loadlab scoreboard                       all of them, about 40 s each
    loadlab scoreboard leak churn            two
    loadlab scoreboard --controls --repeat 2
    loadlab scoreboard --stack flask --seed 2 --seed 3
    loadlab scoreboard --list
    loadlab scoreboard --validate leak       is the fault worth finding?
    loadlab scoreboard --rejudge             after a change of a rule

    What was run is kept in RUNS/scoreboard.jsonl and not run again: after Ctrl-C
    the same command goes on. Ends with the confusion matrix, how often kind,
    service and line were right, false alarms, grades against the truth, and every
    failure with what was said instead.

    Exit codes: 0 whatever the verdicts were, 10 with --check where a figure
    misses its goal, 2 a bad option, 130 interrupted.
    """
    chosen = _chosen(names or [], kinds or [], stacks or [], controls=controls)
    kept = _cases.Kept(results or runs / "scoreboard.jsonl", "--results")
    board = _Board(chosen, tuple(seeds or [1]), repeat, kept, page or runs / "scoreboard.html", write)
    if listed:
        _list(board, as_json=as_json)
        return
    way = _cases.Way(runs, duration, lambda text: _terminal.say(text, _terminal.err()))
    stopped = None
    try:
        if validate:
            board.validate(way)
        elif rejudge:
            board.rejudge(way)
        elif not no_run:
            board.run(way, again=again)
    except (Interrupted, KeyboardInterrupt):
        stopped = Interrupted(f"what was run is kept in {kept.path}; the same command goes on from there")
    score = board.finish(as_json=as_json)
    if stopped is not None:
        raise stopped
    if check and not all(goal.reached in (True, None) for goal in score.goals):
        raise typer.Exit(EXIT_LIMIT_FAILED)


class _Board:
    """The cases that are meant, their results so far, and where all goes."""

    def __init__(
        self,
        cases: Sequence[Case],
        seeds: tuple[int, ...],
        repeat: int,
        kept: _cases.Kept,
        page: Path,
        write: Path | None,
    ) -> None:
        from loadlab.scoreboard import binding, result

        self.cases, self.kept, self._page, self._write = cases, kept, page, write
        self.tasks = _cases.tasks(cases, seeds, repeat)
        self.known = {each.key: each for each in result.from_text(kept.text, str(kept.path))}
        self._binds = _cases.Kept(kept.path.with_suffix(".binds.jsonl"), "--results")
        self._bindings = binding.from_text(self._binds.text, str(self._binds.path))
        for path, option in ((page, "--page"), (write, "--write")):
            if path is not None:
                _cases.Kept(path, option)

    def run(self, way: _cases.Way, *, again: bool) -> None:
        """Everything that has no result yet."""
        from loadlab.cli._interrupt import interruptible
        from loadlab.scoreboard import result

        here = [each for each in self.tasks if not each.case.missing]
        for case in (each for each in self.cases if each.missing):
            way.say(f"{case.name} is left out: no {', '.join(case.missing)} on this machine")
        left = [each for each in here if again or each.key not in self.known]
        if len(left) < len(here):
            way.say(f"{len(here) - len(left)} of {len(here)} were run before: {self.kept.path}")
        with interruptible(way.say):
            for number, task in enumerate(left, 1):
                way.say(f"[{number}/{len(left)}] {task}{_left(left[number - 1 :], self.known.values())}")
                found = _cases.verdict_on(task, way)
                self.kept.add(result.to_line(found))
                self.known[found.key] = found
                way.say(_line(found))

    def rejudge(self, way: _cases.Way) -> None:
        """Every recording there is, by the rules of now; says which answers changed."""
        from loadlab.scoreboard import result

        gone = []
        for task in self.tasks:
            before = self.known.get(task.key)
            if before is None or not before.recording:
                continue
            found = _cases.judged_anew(task, before, way)
            if found is None:
                gone.append(task.case)
                continue
            if found != before:
                self.kept.add(result.to_line(found))
                self.known[found.key] = found
            if (found.said, found.others, found.wrong) != (before.said, before.others, before.wrong):
                way.say(f"{task}, another answer than before:\n{_line(before)}\n{_line(found)}")
        if gone:
            way.say(f"no recording any more, so the answer of the run stands: {_cases.names(gone)}")

    def validate(self, way: _cases.Way) -> None:
        """With the fault and mended; a case without a fix in its truth is passed over, and said."""
        from loadlab.cli._interrupt import interruptible
        from loadlab.scoreboard import binding

        without = [each for each in self.cases if not each.is_control and each.fix is None]
        if without:
            way.say(f"no [fix] in expected.toml, so nothing to compare with: {_cases.names(without)}")
        repeats = max((each.repeat for each in self.tasks), default=1)
        todo = [each for each in self.tasks if each.repeat == 1 and each.case.fix is not None]
        with interruptible(way.say):
            for number, task in enumerate(todo, 1):
                way.say(f"[{number}/{len(todo)}] {task}")
                found = _cases.bound(task, way, repeats)
                self._binds.add(binding.to_line(found))
                self._bindings = [each for each in self._bindings if (each.case, each.seed) != (found.case, found.seed)]
                self._bindings.append(found)
                way.say(_bound(found))

    def results(self) -> list[Result]:
        """Of the runs that are meant, in their order."""
        return [self.known[each.key] for each in self.tasks if each.key in self.known]

    def finish(self, *, as_json: bool) -> Score:
        """Writes and shows what there is."""
        from loadlab.cli import _score
        from loadlab.report import scoreboard as texts
        from loadlab.report import scoreboard_page
        from loadlab.scoreboard import score

        names = {each.name for each in self.cases}
        bindings = [each for each in self._bindings if each.case in names]
        found = score.compute(self.results())
        self._page.write_text(scoreboard_page.render(found, bindings), encoding="utf-8")
        if self._write is not None:
            done = {each.case for each in found.results}
            without = sorted(names - done)
            self._write.write_text(texts.as_markdown(found, bindings, without), encoding="utf-8")
        if as_json:
            sys.stdout.write(texts.as_json(found, bindings))
        else:
            _score.show(found, bindings, self._page)
        return found


def _chosen(names: Sequence[str], kinds: Sequence[str], stacks: Sequence[str], *, controls: bool) -> list[Case]:
    """Raises UsageError for what no case has."""
    from loadlab.scoreboard.case import find
    from loadlab.spec.problem import meant

    known = find()
    by_name = {each.name: each for each in known}
    every = {
        "case": (names, set(by_name)),
        "kind": (kinds, {kind for each in known for kind in each.kinds if kind}),
        "stack": (stacks, {stack for each in known for stack in each.stacks}),
    }
    for what, (given, there) in every.items():
        for each in given:
            if each.removeprefix("faults/") not in there:
                raise UsageError(f'"{each}": there is no case with this {what}{meant(each, sorted(there))}')
    wanted = {each.removeprefix("faults/") for each in names}
    return [
        each
        for each in known
        if (not wanted or each.name in wanted)
        and (not kinds or set(kinds) & set(each.kinds))
        and (not stacks or set(stacks) & set(each.stacks))
        and (not controls or each.is_control)
    ]


def _list(board: _Board, *, as_json: bool) -> None:
    from loadlab.cli import _score
    from loadlab.report import scoreboard as texts

    if as_json:
        sys.stdout.write(texts.cases_as_json(board.cases, board.known.values()))
    else:
        _score.show_cases(board.cases, board.known)


def _left(left: Sequence[_cases.Task], known: object) -> str:
    """How long it will take, by what the runs so far took."""
    from statistics import mean

    seconds = [each.seconds for each in known] or [45.0]  # type: ignore[attr-defined]
    minutes = len(left) * mean(seconds) / 60
    return f", about {minutes:.0f} min left" if minutes >= 1.5 else ""


def _line(found: Result) -> str:
    from loadlab.report.scoreboard import said_of

    return f"  {'WRONG' if found.wrong else 'right'}: {said_of(found)}, {found.seconds:.0f} s" + "".join(
        f"\n    {each}" for each in found.wrong
    )


def _bound(found: Binding) -> str:
    def p95(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f} ms"

    return (
        f"  {'binds' if found.binds else 'NOT SHOWN TO BIND'}: {found.before.good_rps:.0f} answers/s with the fault, "
        f"{found.after.good_rps:.0f} mended; p95 {p95(found.before.p95_ms)} and {p95(found.after.p95_ms)}"
    )
