"""The figures, by small tables; what is kept survives a kill; the pages say what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import RecordingError
from loadlab.report import scoreboard, scoreboard_page
from loadlab.scoreboard import binding, result, score
from loadlab.scoreboard.binding import Binding, Measure
from loadlab.scoreboard.case import Also, Case
from loadlab.scoreboard.result import Result, Run, Setting

SETTING = Setting("2026-11-25T23:00:00Z", "0.1.0", "abcdef0123456789", "Some CPU", 2)
HOSTILE = "<script>alert(1)</script>|x"


def case(name: str = "one", kind: str = "memory_leak", also: tuple[Also, ...] = ()) -> Case:
    """A fault in `app`; a control for kind ""."""
    outcome = "bottleneck" if kind else "none"
    return Case(name, Path("/nowhere"), outcome, kind, service="app" if kind else "", also=also)


def said(kind: str, service: str = "app", grade: str = "confirmed", others: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """A verdict; of an outcome other than bottleneck where `kind` is one of those."""
    beside = [{"kind": each, "service": "app", "grade": "suspected"} for each in others]
    if kind in ("none", "unknown", "generator"):
        return {"outcome": kind, "sentence": "s", "bottleneck": None, "others": beside}
    first = {"kind": kind, "service": service, "grade": grade, "sentence": "s"}
    return {"outcome": "bottleneck", "sentence": "s", "bottleneck": first, "others": beside}


def outcome(of: Case, verdict: Mapping[str, Any], repeat: int = 1, seconds: float = 40.0) -> Result:
    """The result of a run."""
    return result.judged(Run(of, 1, repeat, seconds, 1, "20261125-230000-x", SETTING), verdict)


FAULT, CONTROL = case(), case("calm", "")
TWO = case("two", also=(Also("single_core", "app"),))


@pytest.mark.parametrize(
    ("results", "name", "right", "count"),
    [
        ([outcome(FAULT, said("memory_leak")), outcome(FAULT, said("single_core"))], "kind", 1, 2),
        ([outcome(FAULT, said("memory_leak", "db")), outcome(FAULT, said("unknown"))], "kind", 1, 2),
        ([outcome(FAULT, said("memory_leak", "db")), outcome(FAULT, said("memory_leak"))], "service", 1, 2),
        ([outcome(FAULT, said("none")), outcome(CONTROL, said("none"))], "kind", 0, 1),
        ([outcome(CONTROL, said("none")), outcome(CONTROL, said("none", others=("gc_pauses",)))], "quiet", 1, 2),
        ([outcome(CONTROL, said("single_core")), outcome(CONTROL, said("unknown"))], "quiet", 1, 2),
        ([outcome(CONTROL, said("none")), outcome(CONTROL, said("unknown"))], "calm", 1, 2),
        ([outcome(TWO, said("memory_leak", others=("single_core",))), outcome(TWO, said("none"))], "two_faults", 1, 2),
        ([outcome(FAULT, said("memory_leak"), n) for n in (1, 2)], "same", 1, 1),
        ([outcome(FAULT, said(kind), n) for n, kind in enumerate(("none", "memory_leak"), 1)], "same", 0, 1),
        ([outcome(FAULT, said("memory_leak"))], "same", 0, 0),
        ([outcome(FAULT, said("memory_leak"))], "line", 0, 0),
    ],
)
def test_shares_count_what_they_are_named_for(results: list[Result], name: str, right: int, count: int) -> None:
    found = getattr(score.compute(results), name)
    assert (found.right, found.count) == (right, count)


@pytest.mark.parametrize(
    ("kind", "slowed", "right", "count"),
    [
        ("single_core", {"app": 0.9, "generator": 0.1}, 1, 1),
        ("single_core", {"app": 0.6, "generator": 0.1}, 0, 1),
        ("single_core", {"app": 0.9, "db": 0.4}, 0, 1),
        ("single_core", {"db": 0.9}, 0, 0),  # the culprit was not slowed: nothing to tell it by
        ("memory_leak", {"app": 0.9}, 0, 0),  # no hardware
        ("single_core", {}, 0, 0),
    ],
)
def test_the_experiment_alone_tells_the_culprit(kind: str, slowed: dict[str, float], right: int, count: int) -> None:
    signals = {"elasticity": {name: {"value": value} for name, value in slowed.items()}}
    made = outcome(case(kind=kind), {**said(kind), "signals": signals})
    assert result.from_text(result.to_line(made), "kept") == [made]
    found = score.compute([made]).apart
    assert (found.right, found.count) == (right, count)


@pytest.mark.parametrize(("idle", "count"), [(0.3, 1), (0.05, 0), (None, 0)])
def test_on_full_cores_whatever_takes_cpu_is_part_of_the_limit(idle: float | None, count: int) -> None:
    host = {} if idle is None else {"host": {"idle_share": idle}}
    signals = {"elasticity": {"app": {"value": 0.9}}, **host}
    found = score.compute([outcome(case(kind="single_core"), {**said("single_core"), "signals": signals})])
    assert (found.apart.count, found.apart_spare.count) == (1, count)


def test_a_line_written_before_elasticities_were_kept_is_read() -> None:
    made = outcome(FAULT, said("none"))
    raw = json.loads(result.to_line(made))
    del raw["slowed"], raw["judged_by"], raw["idle_share"]
    assert result.from_text(json.dumps(raw) + "\n", "kept") == [made]


def test_a_grade_is_right_where_kind_and_service_are_and_never_on_a_control() -> None:
    runs = [
        outcome(FAULT, said("memory_leak")),
        outcome(FAULT, said("memory_leak", "db")),
        outcome(CONTROL, said("memory_leak")),
        outcome(FAULT, said("memory_leak", grade="suspected")),
    ]
    grades = score.compute(runs).grades
    assert (grades["confirmed"].right, grades["confirmed"].count) == (1, 3)
    assert (grades["suspected"].right, grades["suspected"].count) == (1, 1)
    assert grades["supported"].value is None


def test_the_matrix_tells_what_was_named_instead() -> None:
    either = replace(FAULT, acceptable_kinds=("memory_limit",))
    found = score.compute(
        [
            outcome(either, said("memory_limit")),
            outcome(FAULT, said("single_core")),
            outcome(CONTROL, said("none", others=("gc_pauses",))),
            result.failed(Run(FAULT, 1, 1, 3.0, 1, "", SETTING), "NotReady: it did not answer"),
        ]
    )
    assert found.matrix == {
        ("memory_leak", "memory_leak"): 1,
        ("memory_leak", "single_core"): 1,
        ("none", "gc_pauses"): 1,
        ("memory_leak", "failed"): 1,
    }
    assert found.answers == ("gc_pauses", "memory_leak", "single_core", "none", "failed")
    assert found.longest_s == 40.0  # a run without a verdict took no time to one


def test_an_interval_is_wide_where_little_was_counted() -> None:
    low, high = score.Share(40, 40).interval or (0, 0)
    assert low == pytest.approx(0.912, abs=0.001)  # Wilson 1927: 1 / (1 + 1.96^2 / 40)
    assert high == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (0, 1, 0.0, 0.793451),
        (1, 1, 0.206549, 1.0),
        (3, 8, 0.136844, 0.694258),
        (1, 40, 0.004427, 0.128814),
        (71, 72, 0.925434, 0.997544),
    ],
)
def test_the_interval_is_the_one_that_scipy_gives(right: int, count: int, low: float, high: float) -> None:
    """binomtest(right, count).proportion_ci(0.95, method="wilson") of scipy 1.17."""
    assert score.Share(right, count).interval == pytest.approx((low, high), abs=1e-6)


def test_what_is_kept_is_read_again_and_the_last_of_a_run_counts() -> None:
    first, second = outcome(FAULT, said("none")), outcome(FAULT, said("memory_leak", others=("gc_pauses",)))
    text = result.to_line(first) + result.to_line(second)
    assert result.from_text(text, "kept") == [second]


def test_a_line_cut_short_by_a_kill_is_left_out() -> None:
    line = result.to_line(outcome(FAULT, said("none")))
    assert len(result.from_text(line + line[:40], "kept")) == 1


@pytest.mark.parametrize("line", ["nonsense\n", "[]\n", '{"format":2}\n', '{"format":1,"case":"x"}\n'])
def test_a_line_that_is_no_result_is_named(line: str) -> None:
    with pytest.raises(RecordingError, match="kept:1: this is no result"):
        result.from_text(line, "kept")


@pytest.mark.parametrize(
    ("before", "after", "change", "binds"),
    [
        (Measure(100, 10), Measure(115, 9), 0.15, False),
        (Measure(100, 10), Measure(121, 10), 0.21, True),
        (Measure(100, 30), Measure(100, 20), 0.5, True),
        (Measure(100, 10), Measure(60, 20), -0.4, False),
        (Measure(0, None), Measure(80, 3), 79.0, True),
    ],
)
def test_a_fault_binds_where_taking_it_away_helps(before: Measure, after: Measure, change: float, binds: bool) -> None:
    made = Binding("one", 1, 1, before, after, SETTING.at)
    assert made.change == pytest.approx(change)
    assert made.binds is binds
    assert binding.from_text(binding.to_line(made), "kept") == [made]


def test_the_pages_tell_every_failure_and_escape_what_is_foreign() -> None:
    wrong = outcome(replace(FAULT, name=HOSTILE), said("single_core", HOSTILE))
    found = score.compute([outcome(CONTROL, said("none")), wrong])
    bindings = [Binding("one", 1, 1, Measure(100, 10), Measure(300, None), SETTING.at)]
    page, text = scoreboard_page.render(found, bindings), scoreboard.as_markdown(found, bindings).replace("\\_", "_")
    assert "<script" not in page
    assert "service is &lt;script&gt;" in page
    assert "1 of 2 verdicts" in page
    assert all("single_core" in each and "kind is single_core, not memory_leak" in each for each in (page, text))
    assert "<script" not in text
    assert "2 cores of Some CPU, loadlab 0.1.0 at abcdef0123, 2026-11-25, runs: 2" in text


def test_json_holds_the_same_figures() -> None:
    found = score.compute([outcome(FAULT, said("memory_leak"))])
    document = json.loads(scoreboard.as_json(found, []))
    assert document["figures"]["kind named first is right"]["right"] == 1
    assert document["matrix"] == [{"true": "memory_leak", "named": "memory_leak", "runs": 1}]
    assert document["results"][0]["case"] == "one"


def test_nothing_yet_is_no_error() -> None:
    empty = score.compute([])
    assert "Nothing has been run yet." in scoreboard.as_markdown(empty, [])
    assert "Not run: leak, x" in scoreboard.as_markdown(empty, [], ["leak", "x"])
    assert "not asked" in scoreboard_page.render(empty, [])
