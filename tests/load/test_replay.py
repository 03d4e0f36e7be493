"""Logs and CSV files as arrivals; and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import SpecError
from loadlab.load.replay import Replay, name, of, parse, read
from loadlab.spec.model import Profile

GET = ("GET",)
NGINX = """\
10.0.0.1 - - [25/Nov/2026:17:00:00 +0000] "GET /orders/17?full=1 HTTP/1.1" 200 512 "-" "curl/8.0"
10.0.0.1 - bob [25/Nov/2026:17:00:00 +0000] "POST /orders HTTP/1.1" 201 12 "-" "curl/8.0"
10.0.0.2 - - [25/Nov/2026:17:00:00 +0000] "GET / HTTP/2.0" 200 99
::1 - - [25/Nov/2026:17:00:01 +0000] "\\x16\\x03\\x01" 400 0
10.0.0.2 - - [25/Nov/2026:18:00:02 +0100] "GET http://elsewhere.example/a?b=c HTTP/1.1" 200 99
"""


def rows(found: Replay) -> list[tuple[float, str, str]]:
    return [(round(each.t, 3), each.method, each.path) for each in found.arrivals]


def test_a_log_of_nginx() -> None:
    """The requests of one second are spread over it; other methods and lines that are none are counted."""
    found = parse(NGINX.splitlines(True), 1.0, GET, 60)
    assert rows(found) == [(0.0, "GET", "/orders/17?full=1"), (0.667, "GET", "/"), (2.0, "GET", "/a?b=c")]
    assert (found.skipped, found.unread, found.left) == (1, 1, 0)


def test_twice_as_fast_all_methods_and_not_to_the_end() -> None:
    found = parse(NGINX.splitlines(True), 2.0, ("GET", "POST"), 0.5)
    assert [each.t for each in found.arrivals] == pytest.approx([0, 1 / 6, 1 / 3])
    assert (found.skipped, found.left) == (0, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time,method,path\n10.5,GET,/a\n10,,/b\n", [(0.0, "GET", "/b"), (0.5, "GET", "/a")]),
        ("Timestamp,URL\n2026-11-25T17:00:00Z,https://x.example/c?d=1\n", [(0.0, "GET", "/c?d=1")]),
        ("t\n0\n1.25\n", [(0.0, "GET", "/"), (1.25, "GET", "/")]),
        ("1,/a\n2,/b\n", [(0.0, "GET", "/a"), (1.0, "GET", "/b")]),
        ('1,GET,"/a,b"\n', [(0.0, "GET", "/a,b")]),
        ("\n\ntime,path\n\n3,/a\nnan,/never\n4,/b\n", [(0.0, "GET", "/a"), (1.0, "GET", "/b")]),
    ],
)
def test_csv(text: str, expected: list[tuple[float, str, str]]) -> None:
    assert rows(parse(text.splitlines(True), 1.0, GET, 60)) == expected


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "a,b,c\n1,2\nx,y,z\n", "{}\n"])
def test_what_is_neither_is_refused_with_a_line_of_it(text: str) -> None:
    with pytest.raises(ValueError, match="neither a CSV file with times nor an access log"):
        parse(text.splitlines(True), 1.0, GET, 60)


def test_a_file_that_cannot_be_used_is_an_error_of_the_profile(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"never\.log: cannot be replayed: No such file"):
        read(tmp_path / "never.log", 1.0, GET, 60)
    (tmp_path / "posts.csv").write_text("time,method,path\n1,POST,/a\n")
    with pytest.raises(SpecError, match="no request with the methods GET; 1 requests have other methods"):
        of(Profile(shape="replay", model="open", file=str(tmp_path / "posts.csv"), methods=GET))
    assert of(Profile()) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/orders/17?full=1", "/orders/{id}"),
        ("/", "/"),
        ("/v2/users", "/v2/users"),
        ("/u/0f8fad5b-d9cb-469f-a165-70867728950e/x", "/u/{id}/x"),
        ("/files/d41d8cd98f00b204e9800998ecf8427e", "/files/{id}"),
        ("/faced", "/faced"),
    ],
)
def test_ids_share_a_name(path: str, expected: str) -> None:
    assert name(path) == expected


def test_the_rate_between_two_moments() -> None:
    found = parse(["t\n", "0\n", "1\n", "2\n", "3\n"], 1.0, GET, 60)
    assert found.rate(0, 2) == 1.0
    assert found.rate(2.5, 3.5) == 1.0
    assert found.rate(2, 2) == 0.0
    assert found.seconds == 3.0
