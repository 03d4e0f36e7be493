"""The diagram: columns by the longest way, circles cut, no box on another, marks in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from loadlab.diagnosis.model import Diagnosis
from loadlab.flow import judge
from loadlab.recording.model import ServiceMeta
from loadlab.report import drawing
from loadlab.report.layers import layers
from tests.report import examples


@pytest.mark.parametrize(
    ("calls", "names", "expected"),
    [
        ([("generator", "app")], ["app"], [["generator"], ["app"]]),
        (
            [("generator", "lb"), ("lb", "app"), ("lb", "db"), ("app", "db")],
            ["lb", "app", "db"],
            [["generator"], ["lb"], ["app"], ["db"]],
        ),
        ([("generator", "a"), ("a", "b"), ("b", "a")], ["a", "b"], [["generator"], ["a"], ["b"]]),
        ([("generator", "a"), ("a", "a")], ["a"], [["generator"], ["a"]]),
        ([("generator", "a")], ["a", "alone"], [["generator"], ["a", "alone"]]),
        ([("generator", "a"), ("a", "10.0.0.1:80")], ["a"], [["generator"], ["a"], ["10.0.0.1:80"]]),
        ([], [], [["generator"]]),
    ],
)
def test_columns(calls: list[tuple[str, str]], names: list[str], expected: list[list[str]]) -> None:
    assert layers("generator", calls, names) == expected


@pytest.mark.parametrize("name", sorted(examples.ALL))
@pytest.mark.parametrize("way", ["across", "down"])
def test_no_box_lies_on_another_or_outside(name: str, way: str) -> None:
    recording = examples.ALL[name]()
    drawn: drawing.Drawing = getattr(drawing.draw(recording.meta, judge(recording)), way)
    spans = [(p.x, p.y, p.x + drawing.WIDTH, p.y + p.box.height) for p in drawn.boxes]
    for index, (x1, y1, x2, y2) in enumerate(spans):
        assert x1 >= 0 and x2 <= drawn.width and y1 >= 0 and y2 <= drawn.height
        for a1, b1, a2, b2 in spans[index + 1 :]:
            assert x2 <= a1 or a2 <= x1 or y2 <= b1 or b2 <= y1


def test_the_saturated_service_is_marked_in_words_and_its_process_too() -> None:
    recording = examples.bottleneck()
    system = drawing.draw(recording.meta, judge(recording))
    marked = [each.box for each in system.across.boxes if each.box.mark]
    assert [(each.name, each.mark) for each in marked] == [("app", "single core")]
    assert [bar.marked for bar in marked[0].bars] == [True]
    assert "marked: single core" in system.says


def test_the_busiest_processes_have_bars_and_the_rest_is_counted() -> None:
    recording = examples.chain()
    app = next(
        each.box for each in drawing.draw(recording.meta, judge(recording)).across.boxes if each.box.name == "app"
    )
    assert len(app.bars) == drawing.MOST_BARS
    assert app.more == "and 1 more process"


def test_edges_say_who_waits_and_on_how_many_connections() -> None:
    recording = examples.chain()
    texts = [(a.call.above, a.call.below) for a in drawing.draw(recording.meta, judge(recording)).across.arrows]
    assert len(texts) == 3
    assert all("waiting" in above and below.endswith("connections") for above, below in texts)


@pytest.mark.parametrize("signals", [{}, {"services": {"app": {}}}, {"edges": [{"from": "app", "to": "x"}]}])
def test_missing_figures_leave_a_drawing(signals: dict[str, object]) -> None:
    recording = examples.none()
    system = drawing.draw(recording.meta, Diagnosis("unknown", "?", None, signals=signals))
    assert [each.box.name for each in system.across.boxes] == ["generator", "app"]


def crowd(callers: int) -> drawing.Drawing:
    """So many services, each of which calls one cache; most of what is under way follows the first of them."""
    names = [f"s{n}" for n in range(callers)]
    edges = [{"from": each, "to": "cache", "connections": 9, "outstanding": 1.0} for each in names]
    edges += [{"from": "generator", "to": each, "connections": 9, "outstanding": 1.0} for each in names]
    waits = [{"from": a, "to": b, "share": 1.0, "threads": 0} for a, b in ((e["from"], e["to"]) for e in edges)]
    signals = {"edges": edges, "waiting": {"waits": waits, "chain": ["s0", "cache"]}}
    services = tuple(ServiceMeta(each, "app", "command", 1) for each in (*names, "cache"))
    meta = replace(examples.none().meta, services=services, target="s0")
    return drawing.draw(meta, Diagnosis("unknown", "?", None, signals=signals)).across


@pytest.mark.parametrize("callers", [1, 2, 3, 5])
def test_texts_of_lines_that_meet_at_one_box_do_not_lie_on_each_other(callers: int) -> None:
    arrows = [each for each in crowd(callers).arrows if "calls cache" in each.says]
    assert len(arrows) == callers
    heights = sorted(each.y for each in arrows)
    assert all(b - a >= (26 if arrows[0].both else 12) for a, b in pairwise(heights))


def test_only_the_chain_that_most_requests_follow_is_heavy() -> None:
    assert [each.says.split(",")[0] for each in crowd(3).arrows if each.call.heavy] == [
        "generator calls s0",
        "s0 calls cache",
    ]
