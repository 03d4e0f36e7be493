"""What came of all cases whose truth is known: as JSON, and as the page docs/scoreboard.md, failures included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from loadlab.report.json import rounded
from loadlab.report.markdown import escape
from loadlab.scoreboard.binding import Binding
from loadlab.scoreboard.case import Also, Case
from loadlab.scoreboard.result import Result
from loadlab.scoreboard.score import Goal, Score, Share

FORMAT = 1
HEAD = """\
Written by `loadlab scoreboard --write docs/scoreboard.md`, which runs systems whose true bottleneck is known,
planted and shown to bind, and holds each verdict against that. Every run counts, failures are listed. Intervals
are Wilson's at 95%."""
MATRIX = """\
What was true, and what was named first; cells that would hold 0 are left out. Answers that are as true as the one
expected count as right. On a control, whatever was named beside the outcome counts as named."""
BINDINGS = """\
Each fault taken away by the change its `expected.toml` names, under the same load, without the proof: answers a
second that were no errors, and p95 in the measured window. A fault binds where taking it away improves one of
them by a fifth. Where neither can show it (messages left waiting, memory), the figure measured by hand stands in
its `expected.toml`."""


@dataclass(frozen=True)
class Row:
    """A kind that is true: how often it was asked, named, and what was said instead, the commonest first."""

    truth: str
    share: Share
    instead: tuple[tuple[str, int], ...]


def rows(score: Score) -> list[Row]:
    """The matrix, row by row, without its empty cells."""
    found = []
    for truth in score.truths:
        said = {answer: count for (of, answer), count in score.matrix.items() if of == truth}
        instead = sorted(((k, v) for k, v in said.items() if k != truth), key=lambda each: (-each[1], each[0]))
        found.append(Row(truth, Share(said.get(truth, 0), sum(said.values())), tuple(instead)))
    return found


def machines(results: Iterable[Result]) -> list[str]:
    """Where, with which version, when: one line for each machine and version."""
    seen: dict[tuple[str, int, str, str, str], list[str]] = {}
    for each in results:
        where = each.setting
        key = (where.cpu, where.cores, where.loadlab, where.commit, each.judged_by)
        seen.setdefault(key, []).append(where.at)
    return [_machine(key, sorted(at)) for key, at in seen.items()]


def _machine(key: tuple[str, int, str, str, str], at: Sequence[str]) -> str:
    cpu, cores, version, commit, judged_by = key
    first, last = at[0][:10], at[-1][:10]
    when = first if first == last else f"{first} to {last}"
    made = f"loadlab {version}" + (f" at {commit[:10]}" if commit else "")
    made += f" (judged by the rules of {judged_by[:10]})" if judged_by else ""
    return f"{cores} cores of {cpu or 'an unknown CPU'}, {made}, {when}, runs: {len(at)}"


def said_of(result: Result) -> str:
    """What was said instead, in a few words."""
    if result.said.kind:
        told = f"{result.said.kind} in {result.said.service} ({result.said.grade})"
        return f"{told}, {result.said.where}" if result.said.where else told
    named = ", ".join(f"{kind} in {service} ({grade})" for kind, service, grade in result.others)
    return f"{result.said.outcome}, beside it {named}" if named else result.said.outcome


def text_of(share: Share) -> str:
    """ "41 of 43 (95%, 84 to 99%)"."""
    if share.value is None or share.interval is None:
        return "not asked"
    low, high = share.interval
    return f"{share.right} of {share.count} ({_percent(share.value)}, {100 * low:.0f} to {_percent(high)})"


def as_json(score: Score, bindings: Sequence[Binding]) -> str:
    """The document."""
    document = {
        "format": FORMAT,
        "figures": {each.name: _goal_json(each) for each in score.goals},
        "controls_right": _share(score.calm),
        "grades": {grade: _share(share) for grade, share in score.grades.items()},
        "seconds": {"median": score.median_s, "longest": score.longest_s},
        "matrix": [{"true": true, "named": said, "runs": runs} for (true, said), runs in sorted(score.matrix.items())],
        "results": [asdict(each) for each in score.results],
        "bindings": [asdict(each) | {"change": each.change, "binds": each.binds} for each in bindings],
    }  # fmt: skip
    return json.dumps(rounded(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def cases_as_json(cases: Sequence[Case], known: Iterable[Result]) -> str:
    """What is known of each case, and how many of its runs so far were right. truth: the finding looked for first."""
    runs: dict[str, list[bool]] = {}
    for each in known:
        runs.setdefault(each.case, []).append(not each.wrong)
    document = {
        "format": FORMAT,
        "cases": [
            {
                "name": each.name,
                "stacks": each.stacks,
                "outcome": each.outcome,
                "truth": [] if each.is_control else [asdict(Also(each.kind, each.service)), *map(asdict, each.also)],
                "function": each.function or None,
                "file": each.file or None,
                "binds": None if each.binds is None else asdict(each.binds),
                "missing": each.missing,
                "runs": len(runs.get(each.name, ())),
                "right": sum(runs.get(each.name, ())),
            }
            for each in cases
        ],
    }  # fmt: skip
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def as_markdown(score: Score, bindings: Sequence[Binding], not_run: Sequence[str] = ()) -> str:
    """docs/scoreboard.md. not_run: names of cases that were meant and have no result."""
    parts = [
        "# The scoreboard",
        HEAD,
        "\n".join(f"- {each}" for each in machines(score.results)) or "Nothing has been run yet.",
        f"Not run: {escape(', '.join(not_run))}." if not_run else "",
        "## Figures",
        _table(("", "measured", "goal", ""), map(_goal, score.goals)),
        _time(score),
        "## Grades against the truth",
        _table(("grade of the first finding", "right"), ((k, text_of(v)) for k, v in score.grades.items())),
        "## Confusion matrix",
        MATRIX,
        _table(("true", "runs", "right", "named instead"), map(_row, rows(score))),
        "## Failures",
        _failures(score),
        "## Cases",
        _table(("case", "stack", "true", "named", "grade", "seconds"), map(_case, score.results)),
        *_bindings(bindings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _goal_json(goal: Goal) -> dict[str, object]:
    return _share(goal.share) | {"goal": goal.least, "reached": goal.reached}


def _goal(goal: Goal) -> tuple[str, ...]:
    sign = {True: "reached", False: "missed", None: ""}[goal.reached]
    return goal.name, text_of(goal.share), f"{100 * goal.least:.0f}%", sign


def _time(score: Score) -> str:
    if score.median_s is None or score.longest_s is None:
        return ""
    return f"From the start to the verdict: {score.median_s:.0f} s in the median, {score.longest_s:.0f} s at most."


def _row(row: Row) -> tuple[str, ...]:
    instead = ", ".join(f"{kind} ({count})" for kind, count in row.instead)
    return row.truth, str(row.share.count), str(row.share.right), instead


def _failures(score: Score) -> str:
    if not score.failures:
        return "None." if score.results else ""
    lines = ((_name(each), each.truth, escape(said_of(each)), escape("; ".join(each.wrong))) for each in score.failures)
    return _table(("case", "true", "named", "what is wrong"), lines)


def _case(result: Result) -> tuple[str, ...]:
    truth = result.truth if result.control else f"{result.true_kind} in {result.true_service}"
    said = f"{result.said.kind} in {result.said.service}" if result.said.kind else result.said.outcome
    stacks = ", ".join(result.stacks)
    return (
        _name(result),
        stacks,
        escape(truth),
        escape(said) + (" **wrong**" if result.wrong else ""),
        result.said.grade,
        f"{result.seconds:.0f}",
    )


def _name(result: Result) -> str:
    return (
        f"`{escape(result.case)}`"
        + (f" seed {result.seed}" if result.seed != 1 else "")
        + (f" run {result.repeat}" if result.repeat != 1 else "")
    )


def _bindings(bindings: Sequence[Binding]) -> Iterator[str]:
    if not bindings:
        return
    yield "## Whether the faults bind"
    yield BINDINGS
    head = ("case", "answers/s with it", "without", "p95 with it", "without", "change", "")
    yield _table(head, map(_binding, bindings))


def _binding(each: Binding) -> tuple[str, ...]:
    p95 = tuple("-" if value is None else f"{value:.1f} ms" for value in (each.before.p95_ms, each.after.p95_ms))
    rates = f"{each.before.good_rps:.0f}", f"{each.after.good_rps:.0f}"
    return f"`{each.case}`", *rates, *p95, f"{100 * each.change:.0f}%", "" if each.binds else "**not shown**"


def _share(share: Share) -> dict[str, object]:
    return {"right": share.right, "count": share.count, "share": share.value, "interval": share.interval}


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return "\n".join([line(head), f"|{'---|' * len(head)}", *map(line, lines)])
