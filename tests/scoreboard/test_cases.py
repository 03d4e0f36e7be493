"""The cases are consistent, and the comparison sees every kind of difference."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadlab.scoreboard.case import Case, find, read_case
from loadlab.scoreboard.judge import mismatches
from tests.sources import ROOT

ALL = find()
UNMENDED = ("microservices", "node-cluster", "node-pm2")
"""docs/scoreboard.md says why."""
EXPECTED = """
outcome = "bottleneck"
kind = "event_loop_blocked"
acceptable_kinds = ["lock_contention"]
service = "app"
instance = 1
function = "ask"
acceptable_functions = ["fetch"]
file = "app.py"
line = "return 7"
says = "70"
[[also]]
kind = "memory_leak"
service = "index"
[fix]
replace = "files = 64"
by = ""
"""
SYSTEM = """
name = "x"
[[service]]
name = "app"
env = { LOADLAB_SEED = "1" }
limits = { files = 64 }
[[service]]
name = "index"
"""
SOURCE = "def fetch() -> int:\n    return 8\n\n\ndef ask() -> int:\n    return 7\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A case on disk."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "expected.toml").write_text(EXPECTED)
    (made / "loadlab.toml").write_text(SYSTEM)
    (made / "app.py").write_text(SOURCE)
    (tmp_path / "shared.py").write_text("")
    return made


def verdict(**changes: Any) -> dict[str, Any]:
    """A verdict that fits the case, but for `changes` of its finding."""
    finding: dict[str, Any] = {
        "kind": "event_loop_blocked",
        "service": "app",
        "instance": 1,
        "where": {"function": "ask", "file": "/srv/made/app.py", "line": 6},
        "sentence": "it ended with code 70",
        "evidence": [],
    }
    return {
        "outcome": "bottleneck",
        "bottleneck": finding | changes,
        "others": [{"kind": "memory_leak", "service": "index"}],
    }


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_case_has_a_truth_that_can_be_checked(case: Case) -> None:
    assert case.outcome == "none" or case.kind
    if case.function:
        assert case.lines()


@pytest.mark.parametrize("case", [case for case in ALL if not case.is_control], ids=lambda case: case.name)
def test_every_fault_was_shown_to_bind(case: Case) -> None:
    if case.name in UNMENDED:
        assert case.binds is None
        return
    assert case.fix is not None
    assert case.binds is not None
    assert case.binds.change >= 0.2


def test_there_are_faults_and_controls() -> None:
    outcomes = [case.outcome for case in ALL]
    assert outcomes.count("bottleneck") >= 15
    assert outcomes.count("none") >= 3
    assert len({case.name for case in ALL}) == len(ALL)


def test_the_truth_itself_is_no_mismatch(folder: Path) -> None:
    assert mismatches(read_case(folder), verdict()) == []


@pytest.mark.parametrize(("line", "lines"), [("", range(2, 5)), ("return each * 2;", range(3, 4)), ("absent();", None)])
def test_a_function_of_a_script_is_told_by_its_layout(folder: Path, line: str, lines: range | None) -> None:
    (folder / "app.js").write_text(
        "class A {\n  static async *ask(each) {\n    return each * 2;\n  }\n}\nnew A().ask(1);\n"
    )
    case = replace(read_case(folder), file="app.js", line=line)
    if lines is None:
        with pytest.raises(ValueError, match="stands 0 times"):
            case.lines()
    else:
        assert case.lines() == lines


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("app.go", "func (d *Desk) ask(n int) int {\n\treturn n\n}\nfunc main() {\n\task(1)\n}\n"),
        ("app.cpp", "static std::string ask(long n) {\n  return s;\n}\nint main() {\n  ask(1);\n}\n"),
        ("app.cpp", "__attribute__((noinline)) int ask(long n) {\n  return n;\n}\n"),
        ("app.rs", "pub async fn ask(n: u64) -> u64 {\n    n\n}\nfn main() {\n    ask(1);\n}\n"),
        ("App.java", "public static int ask(int n) {\n  return n;\n}\n"),
    ],
)
def test_a_function_of_a_compiled_program_is_told_by_its_layout(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    assert replace(read_case(folder), file=file, line="").lines() == range(1, 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "single_core"}, "kind is single_core"),
        ({"service": "index"}, "service is index"),
        ({"instance": 0}, "instance is 0"),
        ({"instance": None}, "instance is None"),
        ({"where": None}, "no line is named"),
        ({"where": {"function": "run", "file": "app.py", "line": 6}}, "function is run"),
        ({"where": {"function": "ask", "file": "myapp.py", "line": 6}}, "file is myapp.py"),
        ({"where": {"function": "ask", "file": "app.py", "line": 2}}, "line is 2, not in 6..6"),
        ({"sentence": "code 701"}, "says '70'"),
    ],
)
def test_each_difference_is_told_once(folder: Path, changes: dict[str, Any], said: str) -> None:
    told = mismatches(read_case(folder), verdict(**changes))
    assert len(told) == 1
    assert said in told[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "lock_contention"},
        {"where": {"function": "fetch", "file": "app.py", "line": 2}},
        {"where": {"function": "Client.ask", "file": "made/app.py", "line": 6}},
        {"where": {"function": "made::ask", "file": "made/app.py", "line": 6}},
        {"sentence": "", "evidence": [{"says": "exit code 70"}]},
    ],
)
def test_answers_as_true_are_accepted(folder: Path, changes: dict[str, Any]) -> None:
    assert mismatches(read_case(folder), verdict(**changes)) == []


def test_a_second_finding_that_is_missing_is_told(folder: Path) -> None:
    assert mismatches(read_case(folder), verdict() | {"others": []}) == ["memory_leak in index was not found as well"]


def test_other_outcomes_are_told(folder: Path) -> None:
    case = read_case(folder)
    assert "outcome is none" in mismatches(case, {"outcome": "none", "bottleneck": None, "sentence": "fine"})[0]
    assert mismatches(case, verdict() | {"bottleneck": None}) == ["outcome is bottleneck, but none is named"]


def test_a_healthy_system_must_have_nothing_invented(folder: Path) -> None:
    (folder / "expected.toml").write_text('outcome = "none"')
    case = read_case(folder)
    assert mismatches(case, {"outcome": "none", "bottleneck": None, "others": []}) == []
    other = {"kind": "gc_pauses", "service": "app"}
    assert mismatches(case, {"outcome": "none", "bottleneck": None, "others": [other]}) == ["invented gc_pauses in app"]
    assert "outcome is bottleneck" in mismatches(case, verdict())[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('service = "app"', 'service = "nope"', "no service 'nope'"),
        ("says =", "sais =", "unknown sais"),
        ('outcome = "bottleneck"', 'outcome = "maybe"', "outcome 'maybe'"),
        ('kind = "event_loop_blocked"', 'kind = ""', "kind and service"),
        ('file = "app.py"', "", "function and file go together"),
        ('line = "return 7"', 'line = "return 9"', "stands 0 times"),
        ("files = 64", "files = 65", "exactly once"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused(folder: Path, old: str, new: str, said: str) -> None:
    (folder / "expected.toml").write_text(EXPECTED.replace(old, new, 1))
    with pytest.raises(ValueError, match=said):
        read_case(folder)


def test_a_copy_can_be_mended_and_drawn_anew(folder: Path, tmp_path: Path) -> None:
    copied = read_case(folder).copy_to(tmp_path / "there", fixed=True, seed=5)
    made = tomllib.loads((copied / "loadlab.toml").read_text())["service"][0]
    assert made == {"name": "app", "env": {"LOADLAB_SEED": "5"}, "limits": {}}
    assert (tmp_path / "there" / "shared.py").exists()


def test_without_a_fix_there_is_no_mended_copy(folder: Path, tmp_path: Path) -> None:
    (folder / "expected.toml").write_text('outcome = "none"')
    with pytest.raises(ValueError, match=r"no \[fix\]"):
        read_case(folder).copy_to(tmp_path / "there", fixed=True)


def test_every_system_is_in_the_docs() -> None:
    """docs/samples.md names all, and the faults' own page says what is wrong with each."""
    named = set(re.findall(r"`([\w-]+)`", (ROOT / "docs/samples.md").read_text(encoding="utf-8")))
    page = (ROOT / "sample_apps/faults/README.md").read_text(encoding="utf-8")
    faults = {each.name for each in ALL if each.folder.parent.name == "faults"}
    assert not {each.name for each in ALL} - named
    assert not faults - set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
