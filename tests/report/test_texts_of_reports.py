"""verdict.json, summary.md and the page, as texts."""

from __future__ import annotations

import importlib
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from loadlab import report
from loadlab.diagnosis.model import LimitResult
from loadlab.flow import judge
from loadlab.report.json import rounded
from loadlab.report.markdown import allowed, escape
from loadlab.report.words import gain, megabytes, milliseconds, percent, rate, threshold
from loadlab.rules import Evidence
from tests.report import examples

pages = importlib.import_module("loadlab.report.html")
NAMES = sorted(examples.ALL)


@pytest.mark.parametrize("name", NAMES)
def test_verdict_json_keeps_its_contract(name: str) -> None:
    recording = examples.ALL[name]()
    text = report.verdict_json(judge(recording))
    verdict = json.loads(text)
    assert verdict["format"] == 1
    assert verdict["outcome"] in ("bottleneck", "none", "generator", "unknown")
    assert (verdict["bottleneck"] is not None) == (verdict["outcome"] == "bottleneck")
    assert text == report.verdict_json(judge(examples.ALL[name]()))
    for each in [verdict["bottleneck"], *verdict["others"]] if verdict["bottleneck"] else []:
        assert {"kind", "branch", "service", "grade", "evidence", "remedy"} <= each.keys()
        assert all({"metric", "value", "says"} <= fact.keys() for fact in each["evidence"])


def test_a_bottleneck_names_line_and_remedy() -> None:
    first = json.loads(report.verdict_json(judge(examples.bottleneck())))["bottleneck"]
    assert (first["kind"], first["service"], first["instance"]) == ("single_core", "app", 0)
    assert first["where"] == {"function": "relevance", "file": "catalog.py", "line": 47, "share": 0.833}
    assert first["remedy"]["step"] == "cluster"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1 / 3, 0.333333), (float("nan"), None), (float("inf"), None), ([1.0, {"a": (2.0,)}], [1.0, {"a": [2.0]}])],
)
def test_numbers_are_rounded_to_what_is_known(value: object, expected: object) -> None:
    assert rounded(value) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_says_the_sentence_first(name: str) -> None:
    recording = examples.ALL[name]()
    diagnosis = judge(recording)
    text = report.summary(recording, diagnosis)
    assert text.startswith("### loadlab: ")
    assert "<img" not in text


class Tags(HTMLParser):
    """Counts start tags and remembers which elements are left open."""

    VOID = frozenset({"meta", "br", "img", "line", "circle", "path", "rect", "i"})

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bundled", [True, False])
def test_every_page_is_whole_and_asks_nobody(name: str, bundled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not bundled:
        monkeypatch.setattr(pages, "BUNDLE", pages.HERE / "nowhere")
    recording = examples.ALL[name]()
    text = report.html(recording, judge(recording))
    tags = Tags()
    tags.feed(text)
    assert tags.names.count("html") == 1
    assert "img" not in tags.names
    assert "link" not in tags.names
    assert text.rstrip().endswith("</html>")
    assert len(text) < 2_000_000
    if not bundled:
        assert "installed without its charts" in text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (milliseconds(0.045), "0.045 ms"),
        (milliseconds(6.8), "6.8 ms"),
        (milliseconds(1270.0), "1.27 s"),
        (milliseconds(None), "unknown"),
        (rate(41200.4), "41,200"),
        (rate(7.5), "7.5"),
        (percent(0.714), "71%"),
        (percent(0.998), "99%"),
        (percent(1.0), "100%"),
        (megabytes(36e6), "36 MB"),
        (megabytes(3e9), "3.0 GB"),
        (gain(1.9), "about 1.9 times today's capacity"),
        (gain(1.0), ""),
        (gain(None), ""),
        (threshold(Evidence("loop_busy", 0.99, "busy 99% of the time", 0.9)), "90%"),
        (threshold(Evidence("waits", 1.2, "not running for 1.20 s each second", 0.1)), "0.1"),
        (threshold(Evidence("grown", 9e6, "it grew by 9 MB", 6e6)), "6 MB"),
        (threshold(Evidence("open_files", 1023, "1023 of 1024 descriptors were open", 1024)), "1,024"),
        (threshold(Evidence("peer", 0.7, "mostly waiting for db")), ""),
    ],
)
def test_numbers_as_people_read_them(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a*b_c", "a\\*b\\_c"),
        ("\\*", "\\\\\\*"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
        ("<b>|\n`", "&lt;b&gt;\\| '"),
    ],
)
def test_markdown_of_a_name_is_only_the_name(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(1, 2, "1 to 2"), (300, None, "at least 300"), (None, 120, "at most 120"), (None, None, "")],
)
def test_what_a_limit_allows(low: float | None, high: float | None, says: str) -> None:
    assert allowed(LimitResult("", "p95_ms", low, high, 1.0, passed=True)) == says


def test_numbers_of_numpy_and_negative_zero_are_numbers() -> None:
    assert json.dumps(rounded([np.float64(0.1), np.int64(3), np.bool_(True), -0.0])) == "[0.1, 3, true, 0.0]"
