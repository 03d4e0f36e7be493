"""The end of a run: one sentence, at most ten lines of evidence, the next step, the report. And its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab.cli import _terminal
from loadlab.cli._words import milliseconds
from loadlab.errors import EXIT_INVALID_RUN, EXIT_LIMIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from rich.table import Table

    from loadlab.diagnosis.model import Capacity, Diagnosis, Finding, LimitResult, Proof

MOST_EVIDENCE = 10
MOST_OTHERS = 3
STYLES = {"bottleneck": "bold yellow", "none": "bold green", "generator": "bold red", "unknown": "bold red"}
GRADES = {
    "confirmed": "confirmed by experiment",
    "supported": "two independent signals agree; not confirmed by experiment",
    "suspected": "one signal says so; nothing confirms it",
}
KIND_OF_NOTHING = {"none": "none", "generator": "generator_saturated"}


@dataclass(frozen=True)
class Line:
    """A label, shown once for lines of the same, and what is said."""

    label: str
    says: str
    style: str = ""


def exit_code(diagnosis: Diagnosis) -> int:
    """5 where the run cannot be judged, 10 where a limit failed, else 0: a bottleneck that was found is no error. A
    limit that failed on a machine that was not the run's own cannot be judged either."""
    if diagnosis.outcome in ("generator", "unknown"):
        return EXIT_INVALID_RUN
    if all(each.passed for each in diagnosis.limits):
        return EXIT_OK
    flawed = any(each.branch == "measurement" for each in diagnosis.others)
    return EXIT_INVALID_RUN if flawed else EXIT_LIMIT_FAILED


def show(diagnosis: Diagnosis, page: Path | None) -> None:
    """To stdout: a table with hanging lines on a terminal, `label: text` elsewhere."""
    from rich.text import Text

    console = _terminal.out()
    rows = lines(diagnosis, page)
    if not console.is_terminal:
        _terminal.say(diagnosis.sentence, console)
        for each in rows:
            _terminal.say(f"{each.label}: {each.says}", console)
        return
    console.print()
    console.print(Text(diagnosis.sentence, STYLES.get(diagnosis.outcome, "bold")))
    console.print()
    console.print(_table(rows))


def _table(rows: list[Line]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    before = ""
    for each in rows:
        grid.add_row("" if each.label == before else each.label, Text(each.says, each.style))
        before = each.label
    return grid


def lines(diagnosis: Diagnosis, page: Path | None) -> list[Line]:
    """All that is said after the sentence."""
    from loadlab.report.words import after, failures, gain, tried, when

    found = evidence(diagnosis)[:MOST_EVIDENCE]
    if failed := failures(diagnosis):
        found.append(Line("failed", failed))
    found += load(diagnosis)
    found += [_limit(each) for each in diagnosis.limits]
    if diagnosis.next_step:
        found.append(Line("next", diagnosis.next_step, "bold"))
    if diagnosis.bottleneck is not None and (expected := gain(diagnosis.bottleneck.remedy.expected_gain)):
        found.append(Line("expected", expected))
    if diagnosis.bottleneck is not None and diagnosis.bottleneck.remedy.tried is not None:
        found.append(Line("tried", tried(diagnosis.bottleneck.remedy.tried), "bold"))
    if diagnosis.next is not None:
        found.append(Line(when(diagnosis.outcome), after(diagnosis.next)))
    kind = diagnosis.bottleneck.kind if diagnosis.bottleneck else KIND_OF_NOTHING.get(diagnosis.outcome)
    if kind is not None:
        found.append(Line("more", f"loadlab explain {kind}"))
    if page is not None:
        found.append(Line("report", str(page)))
    return found


def evidence(diagnosis: Diagnosis) -> list[Line]:
    """What speaks for the sentence, what else was found, what was measured."""
    found = []
    if diagnosis.bottleneck is not None:
        found += [Line("evidence", each.says) for each in diagnosis.bottleneck.evidence]
        if diagnosis.bottleneck.no_line:
            found.append(Line("no line", diagnosis.bottleneck.no_line))
        found.append(_sure(diagnosis.bottleneck))
    # The measured line always has its place among the ten.
    room = MOST_EVIDENCE - len(found) - 1
    found = found[: MOST_EVIDENCE - 1]
    found += [_other(each) for each in diagnosis.others[: max(0, min(MOST_OTHERS, room))]]
    if diagnosis.capacity is not None:
        found.append(Line("measured", measured(diagnosis.capacity)))
    return found


def load(diagnosis: Diagnosis) -> list[Line]:
    """How the load went, where that says something."""
    return [Line("load", sentence) for sentence in diagnosis.load.get("says", ())]


def measured(capacity: Capacity) -> str:
    """`412 requests/s with 24 users, p50 21.0 ms, p99 61.2 ms, 0.4% failed`."""
    users = f" with {capacity.users} users" if capacity.users else ""
    share = 100 * capacity.error_rate
    failed = f", {share:.0f}% failed" if share >= 10 else f", {share:.2g}% failed" if share else ""
    rps, best = capacity.measured_rps, capacity.requests_per_s
    most = f"; {best:.0f} requests/s under another load" if rps < best else ""
    return (
        f"{rps:.0f} requests/s{users}, "
        f"p50 {milliseconds(capacity.p50_ms)}, {capacity.p99_name} {milliseconds(capacity.p99_ms)}{failed}{most}"
    )


def _sure(finding: Finding) -> Line:
    if finding.proof is not None:
        return Line(finding.grade, _proof(finding.proof, finding.service))
    return Line(finding.grade, GRADES.get(finding.grade, ""))


def _proof(proof: Proof, service: str) -> str:
    return (
        f"slowing {service} by {100 * proof.slowed_by:.0f}% cost {proof.elasticity:.2f} of that in throughput "
        f"({proof.low:.2f} to {proof.high:.2f}; 1 is all of it, 0 nothing)"
    )


def _other(finding: Finding) -> Line:
    return Line("also", f"{finding.sentence} ({finding.grade})")


def _limit(limit: LimitResult) -> Line:
    where = f"{limit.endpoint}: " if limit.endpoint else ""
    low = "" if limit.low is None else f"at least {limit.low:g}"
    high = "" if limit.high is None else f"at most {limit.high:g}"
    wanted = " and ".join(each for each in (low, high) if each)
    value = "no samples" if limit.measured is None else f"{limit.measured:.4g}"
    if limit.passed:
        return Line("limit", f"{where}{limit.metric} {value}, {wanted}: held", "green")
    return Line("limit", f"{where}{limit.metric} {value}, {wanted}: FAILED", "bold red")
