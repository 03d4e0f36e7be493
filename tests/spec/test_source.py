"""Reading a file: lines of keys, syntax errors and how far they reach, files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import SpecError
from loadlab.spec import lines, source

TEXT = '''\
# name = "not this one"
name = "orders"
description = """
path = "inside of text"
"""
[load]
path = "/"

[[service]]
name = "app"
ready = { http = "/health", within_s = 20 }
[service.env]
"MY KEY" = "x"
[service.with.settings]
a.b = 1
[[service]]
"name" = 'db'
command = [
  "x",
  "y",
]
[limits]
"GET /orders" = { p99_ms = 250 }
'''


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("name",), 2),
        (("description",), 3),
        (("load", "path"), 7),
        (("service", 0), 9),
        (("service", 0, "ready", "within_s"), 11),
        (("service", 0, "env", "MY KEY"), 13),
        (("service", 0, "with", "settings", "a", "b"), 15),
        (("service", 1, "name"), 17),
        (("service", 1, "command", 1), 18),
        (("limits", "GET /orders", "p99_ms"), 23),
        (("service", 1, "nothing", "of", "it"), 16),
        (("path",), None),
    ],
    ids=str,
)
def test_every_key_has_its_line_or_that_of_the_nearest_above(loc: tuple[str | int, ...], line: int | None) -> None:
    assert lines.line_of(loc, lines.index(TEXT)) == line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = orders", "text needs quotes"),
        ('name "orders"', "a line is `key = value`"),
        ("a = [1, 2", "a `]` is missing"),
        ("a = { b = 1", "a `}` is missing"),
        ("a = 1\na = 2", "already given above"),
        ("[a]\n[a]", r"[[service]] with two brackets"),
        ('a = "x', "quotes"),
        ('a = "C:\\path"', "backslash"),
        ("a = 1 b = 2", "only one `key = value` fits on a line"),
        ("[a", "a table is [name]"),
        ("[[a]", "[[service]]"),
        ("$ = 1", "needs quotes"),
        ("= 1", "needs quotes"),
    ],
)
def test_each_slip_of_syntax_has_its_way_out(text: str, says: str, tmp_path: Path) -> None:
    try:
        found = source.parse(text, "x.toml", tmp_path).syntax
    except SpecError as error:
        found = error.problems
    assert len(found) == 1
    assert found[0].startswith("x.toml:")
    assert says in found[0]


def test_slips_of_single_lines_are_all_found_and_the_rest_is_read(tmp_path: Path) -> None:
    written = source.parse("a = x\nb = 2\nc = [1, }\nd = 1\nd = 2\n", "x.toml", tmp_path)
    assert [each.split(":")[1] for each in written.syntax] == ["1", "3", "5"]
    assert written.raw == {"b": 2, "d": 1}
    assert written.given("a"), "its line is there"
    assert not written.given("e")


def test_a_lost_header_ends_it(tmp_path: Path) -> None:
    """What follows would be taken for part of the table before."""
    with pytest.raises(SpecError) as caught:
        source.parse('name = "x"\n[[service]\nname = "y"\nz = no\n', "x.toml", tmp_path)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "cannot be read as TOML"),
        (b"a = " + b"[" * 40 + b"]" * 40, "nested more than 30 deep"),
        (b"a = " + b"9" * 5000, "cannot be read as TOML"),
    ],
    ids=["bytes", "depth", "nesting", "digits"],
)
def test_what_cannot_be_read_says_so(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=says):
        source.read(path)


def test_a_file_that_is_not_there_or_is_a_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        source.read(tmp_path / "x.toml")
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        source.read(tmp_path)


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'a = 1\r\nb = """x\r\ny"""\r\n')
    assert source.read(path).raw == {"a": 1, "b": "x\ny"}


def test_paths_are_said_as_one_would_type_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "x.toml").write_text("a = 1")
    monkeypatch.chdir(tmp_path)
    assert source.read(tmp_path / "inner" / "x.toml").label == "inner/x.toml"
    monkeypatch.chdir(tmp_path / "inner")
    assert source.read(tmp_path / "inner" / "x.toml").label == "x.toml"
