"""V8's profiles as folded stacks: which mode, which function, which line."""

from __future__ import annotations

import signal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.probes import _inspector, _v8
from loadlab.probes._cpuprofile import Call, CallSites, Profile, States, fold
from loadlab.probes._proc_text import catches
from loadlab.probes._tree import Member
from loadlab.recording.folded import parse_folded
from loadlab.recording.model import Frame
from loadlab.services import Target

URL = "file:///srv/shop%20one/app.js"
FILE = "/srv/shop one/app.js"
TEXT = """// Prices: 10 € each
function latest() {
  const asked = 1;
  return run(asked);
}
function page(request) {
  // ask() again?
  const parts = [1].map((each) => run(each));
  if (/a(b|c)/.test(request)) return latest();
  return ask(request) + ask(parts);
}
"""


def function_at(name: str, text: str = TEXT) -> Call:
    """As V8 says it: its position is that of its parameters."""
    before, _, _ = text.partition(f"function {name}")
    return Call(name, URL, before.count("\n"), len(f"function {name}"))


def coverage(text: str = TEXT) -> list[dict[str, Any]]:
    """Each function from its first letter to its closing bracket; the arrow function inside page() as well."""
    starts = [text.index("function latest"), text.index("function page"), len(text)]
    spans = [(start, text.rindex("}", start, end) + 1) for start, end in pairwise(starts)]
    arrow = text.index("(each) =>")
    spans.append((arrow, text.index(")", arrow + 9) + 1))
    return [{"url": URL, "functions": [{"ranges": [{"startOffset": a, "endOffset": b}]} for a, b in spans]}]


@pytest.mark.parametrize(
    ("caller", "callee", "line"),
    [
        ("latest", "run", 4),
        ("latest", "Job.run", 4),
        ("page", "latest", 9),
        ("page", "RegExp: a(b|c)", 9),
        ("page", "map", 8),
        ("page", "run", None),  # within another function of its own
        ("page", "ask", None),  # three times
        ("page", "test", 9),
        ("latest", "absent", None),
        ("latest", "as", None),  # only part of a word
    ],
)
def test_the_line_of_a_call_is_where_the_name_stands_once(caller: str, callee: str, line: int | None) -> None:
    assert CallSites(coverage(), {FILE: TEXT}.get).line(function_at(caller), callee) == line


def test_offsets_count_as_v8_counts() -> None:
    text = TEXT.replace("10 €", "10 \N{GRINNING FACE}")  # two units of UTF-16
    moved = [
        {"url": URL, "functions": [{"ranges": [{key: value + 1 for key, value in f["ranges"][0].items()}]}]}
        for f in coverage(text)[0]["functions"]
    ]
    merged = [{"url": URL, "functions": [each["functions"][0] for each in moved]}]
    assert CallSites(merged, {FILE: text}.get).line(function_at("latest", text), "run") == 4


def test_a_text_that_cannot_be_read_gives_no_line() -> None:
    assert CallSites(coverage(), lambda _: None).line(function_at("latest"), "run") is None
    assert CallSites([], {FILE: TEXT}.get).line(function_at("latest"), "run") is None


def node(number: int, name: str, url: str = "", line: int = -1, column: int = -1, **more: Any) -> dict[str, Any]:
    frame = {"functionName": name, "scriptId": "0", "url": url, "lineNumber": line, "columnNumber": column}
    return {"id": number, "callFrame": frame, **more}


def profile(samples: list[int]) -> Profile:
    page, latest = function_at("page"), function_at("latest")
    nodes = [
        node(1, "(root)", children=[2, 3, 4]),
        node(2, "(idle)"),
        node(3, "(garbage collector)"),
        node(4, "page", URL, page.line, page.column, children=[5], positionTicks=[{"line": 8, "ticks": 4}]),
        node(5, "latest", URL, latest.line, latest.column, children=[6]),
        node(6, "run", "node:fs", 99, 3, children=[7]),
        node(7, "read", positionTicks=[{"line": 120, "ticks": 3}, {"line": 122, "ticks": 1}]),
    ]
    deltas = [1000] * len(samples)
    return Profile({"nodes": nodes, "startTime": 5_000_000, "samples": samples, "timeDeltas": deltas})


def folded_of(samples: list[int], ran: list[bool]) -> dict[str, dict[tuple[Frame, ...], int]]:
    looks = [(5.001 + 0.001 * at, each) for at, each in enumerate(ran)]
    found = fold(profile(samples), States(looks), CallSites(coverage(), {FILE: TEXT}.get))
    return {mode: {frames: count for _, frames, count in parse_folded(text)} for mode, text in found.items()}


PAGE = Frame("page", FILE, 8)
CALLED = (Frame("page", FILE, 9), Frame("latest", FILE, 4), Frame("run", "node:fs", 120), Frame("read", "", 0))


def test_samples_are_told_apart_by_what_the_kernel_saw() -> None:
    found = folded_of([4, 4, 7, 7, 7, 4], [True, True, False, False, False, True])
    assert found["cpu"] == {(PAGE,): 3}
    assert found["still"] == {CALLED: 2, (*CALLED[:2], Frame("run", "node:fs", 122), CALLED[3]): 1}


def test_waiting_for_events_is_nobodys_doing() -> None:
    assert folded_of([2, 2, 4], [False, False, True]) == {"cpu": {(PAGE,): 1}}
    assert folded_of([2, 2], [False, False]) == {}


def test_collecting_garbage_is_paid_by_whoever_was_running() -> None:
    found = folded_of([3, 4, 3], [True, True, False])
    assert found["cpu"] == {
        (Frame("(garbage collector)", "", 0),): 1,
        (PAGE,): 1,
        (PAGE, Frame("(garbage collector)", "", 0)): 1,
    }


def test_without_looks_at_the_thread_all_of_it_counts_as_cpu() -> None:
    assert list(folded_of([4, 7], [])) == ["cpu"]


@given(st.lists(st.sampled_from([3, 4, 5, 6, 7]), max_size=60))
def test_no_sample_is_lost(samples: list[int]) -> None:
    assert sum(sum(each.values()) for each in folded_of(samples, []).values()) == len(samples)


def test_samples_noted_out_of_order_are_put_in_order() -> None:
    raw = dict(profile([4, 7, 4]).raw) | {"timeDeltas": [1000, 2000, -1500]}
    assert [round(t, 4) for t, _ in Profile(raw).samples] == [5.001, 5.0015, 5.003]


@pytest.mark.parametrize(
    ("status", "opens"),
    [
        (b"Name:\tnode\nSigCgt:\t0000000108005602\n", True),  # as Node 20 has it
        (b"SigCgt:\t0000000108005402\n", False),
        (b"SigCgt:\t0000000000000000\n", False),
        (b"", False),
    ],
)
def test_a_process_that_the_signal_would_end_is_told_by_what_it_catches(status: bytes, opens: bool) -> None:
    assert catches(status, signal.SIGUSR1) is opens


@pytest.mark.parametrize(
    ("command", "inspects"),
    [
        (b"node\0--inspect\0a.js\0", True),
        (b"node\0--inspect=127.0.0.1:9300\0a.js\0", True),
        (b"node\0--inspect-brk\0a.js\0", True),
        (b"node\0--inspect-port=9300\0a.js\0", False),
        (b"node\0--inspector\0a.js\0", False),
        (b"NODE_OPTIONS=--max-old-space-size=100 --inspect", True),
    ],
)
def test_who_started_it_with_an_inspector_is_told_by_the_command(command: bytes, inspects: bool) -> None:
    assert (_inspector.INSPECTS.search(command) is not None) is inspects


def test_the_primary_of_a_cluster_is_left_alone(tmp_path: Any) -> None:
    members = []
    for pid, parent, environ in ((10, 1, b"A=1\0"), (11, 10, b"NODE_UNIQUE_ID=1\0"), (12, 1, b"\0NODE_UNIQUE=1\0")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_bytes(b"%d (node) S %d 0\n" % (pid, parent))
        (tmp_path / str(pid) / "environ").write_bytes(environ)
        members.append(Member(Target("app", 0, 10), pid, 1))
    assert [each.pid for each in _v8.candidates(members, str(tmp_path))] == [11, 12]
