"""Profiles: those that come with loadlab, limits of endpoints, and every problem at once."""

# ruff: noqa: E501, ISC004 - a table of messages is read best with each on its line

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadlab.errors import SpecError
from loadlab.spec import places, profile, read, source
from loadlab.spec.model import LimitSet, Profile, Range


def _build(text: str) -> Profile:
    return profile.build(source.parse(text, "mine.toml", Path()))


def test_every_profile_that_comes_with_loadlab_is_valid_and_says_what_it_is_for() -> None:
    files = places.profile_files()
    assert {"smoke", "constant", "ramp", "ci", "soak"} <= set(files)
    for name, path in files.items():
        assert read.profile(name, Path("/")).name == name
        assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_default_profile_file_is_the_default_profile() -> None:
    assert read.profile("ramp", Path("/")) == Profile()


def test_the_limits_shown_as_an_example_are_valid() -> None:
    text = places.profile_files()["ci"].read_text(encoding="utf-8")
    shown = re.sub(r"^# (?=\[limits\]|\w+ =|\"GET)", "", text, flags=re.MULTILINE)
    built = _build(shown)
    assert built.limits == LimitSet(p95_ms=120, error_rate=0.01, throughput_rps=Range(min=300))
    assert built.endpoint_limits == {"GET /orders": LimitSet(p99_ms=250)}


def test_a_profile_by_path_lies_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "night.toml").write_text('shape = "constant"\nusers = 3\n')
    assert read.profile("night.toml", tmp_path).users == 3
    assert read.profile("./night.toml", tmp_path).name == "night"
    with pytest.raises(SpecError, match=r"day\.toml: there is no such profile"):
        read.profile("day.toml", tmp_path)
    with pytest.raises(SpecError, match='no profile is called "rmap"; did you mean "ramp"'):
        read.profile("rmap", tmp_path)


MALFORMED = {
    "unknown words": (
        'model = "close"\nshape = "rmap"\nuser = 5\n',
        [
            r'^mine\.toml:1: model = "close": unknown; did you mean "closed"\? \(known: closed, open\)$',
            r'^mine\.toml:2: shape = "rmap": unknown; did you mean "ramp"\? \(known: constant, ramp, steps,',
            r"^mine\.toml:3: user = 5: unknown key; did you mean users\?",
        ],
    ),
    "open without a rate": (
        'model = "open"\nusers = 5\n[limits]\nerror_rate = 5\n',
        [
            r"^mine\.toml: the open model needs a rate, in requests per second: rate = 200$",
            r"^mine\.toml:2: users = 5: means nothing in the open model",
            r"^mine\.toml:4: limits\.error_rate = 5: is a share of all requests, from 0 to 1",
        ],
    ),
    "closed with a rate": (
        'shape = "constant"\nrate = 5\narrivals = "even"\nduration_s = 5\n',
        [
            r"^mine\.toml: a constant load of the closed model needs users",
            r"^mine\.toml:2: rate = 5: means nothing in the closed model",
            r'^mine\.toml:3: arrivals = "even": means nothing in the closed model',
            r"^mine\.toml:4: duration_s = 5: warmup_s = 5 leaves nothing of duration_s = 5$",
        ],
    ),
    "limits": (
        "[limits]\np95 = 120\np99_ms = '120'\nthroughput_rps = 300\np50_ms = {}\np90_ms = { min = 5, max = 2 }\n"
        'max_ms = -1\np95_m = { max = 5 }\n"GET /" = { p99 = 5, p95_ms = { mx = 3 }, error_rate = 2 }\n',
        [
            r":2: limits\.p95 = 120: unknown key; did you mean p95_ms\?",
            r':3: limits\.p99_ms = "120": a number \(the upper end\), or \{ min = \.\.\. \}',
            r":4: limits\.throughput_rps = 300: a bare number is an upper end, and less would pass; write \{ min = 300 \}",
            r":5: limits\.p50_ms = \{\}: has no end; give min, max or both",
            r":6: limits\.p90_ms = .*: min = 5 is more than max = 2",
            r":7: limits\.max_ms = -1: cannot be less than 0",
            r":8: limits\.p95_m = \{\"max\": 5\}: unknown key; did you mean p95_ms\?",
            r':9: limits\."GET /"\.p99 = 5: unknown key; did you mean p99_ms\?',
            r':9: limits\."GET /"\.p95_ms\.mx = 3: unknown key; did you mean max\?',
            r':9: limits\."GET /"\.error_rate = 2: is a share of all requests',
        ],
    ),
    "a limit that is a table by mistake": (
        "limits = 5\nendpoint_limits = { a = { p95_ms = 1 } }\n",
        [
            r":1: limits = 5: expected a table",
            r":2: endpoint_limits = .*: unknown key; limits of an endpoint stand in \[limits\]",
        ],
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_every_problem_of_a_profile_is_reported_at_once(what: str) -> None:
    text, expected = MALFORMED[what]
    with pytest.raises(SpecError) as caught:
        _build(text)
    told = str(caught.value)
    for pattern in expected:
        assert any(re.search(pattern, each) for each in caught.value.problems), f"{pattern}\nis not in\n{told}"
    assert len(caught.value.problems) == len(expected), told
