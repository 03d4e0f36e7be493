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
    "steps that fall, and keys of other shapes": (
        'shape = "steps"\nlevels = [5, 10.5, 7]\nspike_s = 5\nfile = "a.log"\n[limits]\np95 = 5\n',
        [
            r"^mine\.toml:2: levels = \[5, 10\.5, 7\]: must rise from one to the next; a load that falls again is a spike$",
            r"^mine\.toml:3: spike_s = 5: means nothing to the shape steps \(known to it: levels\)$",
            r'^mine\.toml:4: file = "a\.log": means nothing to the shape steps',
            r"^mine\.toml:6: limits\.p95 = 5: unknown key; did you mean p95_ms",
        ],
    ),
    "a spike that is none": (
        'shape = "spike"\nusers = 20\nspike_users = 10\nspike_sec = 3\nspike_s = 100\n',
        [
            r"^mine\.toml:3: spike_users = 10: must be more than users = 20$",
            r"^mine\.toml:4: spike_sec = 3: unknown key; did you mean spike_s\?",
            r"^mine\.toml:5: spike_s = 100: leaves nothing of duration_s = 60 to measure in$",
        ],
    ),
    "shapes of the other model, without what they need": (
        'shape = "replay"\nlevels = [1, 2]\n',
        [r'^mine\.toml:1: shape = "replay": is a shape of the open model; write model = "open"$'],
    ),
    "an open replay": (
        'model = "open"\nshape = "replay"\nspeed = 0\nmethods = ["get"]\n',
        [
            r"^mine\.toml:3: speed = 0: ",
            r'^mine\.toml:4: methods\[#1\] = "get": ',
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


def test_the_file_of_a_replay_lies_beside_its_profile(tmp_path: Path) -> None:
    (tmp_path / "again.toml").write_text('model = "open"\nshape = "replay"\nfile = "logs/a.csv"\n')
    assert read.profile("again.toml", tmp_path).file == str(tmp_path / "logs" / "a.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from locust import LoadTestShape\nclass Mine(LoadTestShape):\n    pass\n", True),
        ("import locust\nclass Mine(locust.LoadTestShape):\n    pass\n", True),
        ("class Mine(User):\n    'no LoadTestShape'\n", False),
        ("class Mine(", False),
    ],
)
def test_whether_a_locustfile_has_a_shape_is_read_and_not_run(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "users.py").write_text(text)
    assert source.defines_shape(tmp_path / "users.py") is found
    assert not source.defines_shape(tmp_path / "never.py")
