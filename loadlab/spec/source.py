"""A TOML file as it was written: its raw values, where each key stands, and the syntax errors it has.

A syntax error in one line does not hide what is wrong in the others: the line is taken out and the rest read again.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadlab.errors import SpecError
from loadlab.spec import lines
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem, key_path, shown, value_at

PLACE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)
WAYS_OUT = {
    "Invalid value": 'text needs quotes ("..."), a list needs [...], yes and no are true and false',
    "Unclosed array": "a `]` is missing, or a comma between two entries",
    "Unclosed inline table": "a `}` is missing; { ... } stands on one line, with commas between its keys",
    "Expected '=' after a key": "a line is `key = value`; a name with spaces or slashes needs quotes",
    "Cannot overwrite a value": "this key was already given above; keep one of the two",
    "Cannot declare": "this table was already given above; for several services write [[service]] with two brackets",
    "Expected ']' at the end of a table declaration": "a table is [name], an entry of a list of tables is [[service]]",
    "Expected ']]' at the end of an array declaration": "an entry of a list of tables is [[service]]",
    "Illegal character": "text in quotes may not run over the end of the line; use three quotes for that",
    "Unterminated string": "the closing quotes are missing",
    "Expected newline or end of document": 'only one `key = value` fits on a line; quotes inside text are written \\"',
    "Unescaped": "a backslash in text is written \\\\, or put the text in single quotes",
    "Invalid statement": "a line is `key = value`; a key may have letters, digits, - and _, anything else needs quotes",
    "Invalid initial character": "a key may have letters, digits, - and _; anything else needs quotes",
}
RECOVERABLE = ("Invalid value", "Expected '=' after a key", "Cannot overwrite a value", "Invalid initial character")
"""Errors of one line, after which the rest of the file still means what it meant."""
MOST_SYNTAX_ERRORS = 50
DEEPEST = 30


@dataclass(frozen=True)
class Source:
    """What the user wrote. `label` is how messages call it; relative paths in it start at `folder`."""

    label: str
    folder: Path
    raw: dict[str, Any]
    lines: dict[Loc, int] = field(default_factory=dict)
    syntax: tuple[str, ...] = ()
    lost: frozenset[int] = frozenset()
    """Lines that could not be read and were taken out."""

    def given(self, *loc: str | int) -> bool:
        """Whether the user wrote this key, right or wrong, in a line that could be read or not."""
        parent = value_at(loc[:-1], self.raw)
        return (isinstance(parent, Mapping) and loc[-1] in parent) or self.lines.get(loc) in self.lost

    def each_service(self, spec: Spec) -> Iterator[tuple[int, ServiceSpec]]:
        """The services that the user wrote as tables, with their place in the file."""
        written = self.raw.get("service")
        for index, service in enumerate(spec.service):
            if isinstance(written, list) and index < len(written) and isinstance(written[index], dict):
                yield index, service

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all services as written, malformed ones included: they are reported once, not at each use."""
        written = self.raw.get("service")
        tables = [each for each in written if isinstance(each, dict)] if isinstance(written, list) else []
        return tuple(dict.fromkeys(each["name"] for each in tables if isinstance(each.get("name"), str)))

    def describe(self, problems: Iterable[Problem]) -> list[str]:
        """Problems as lines, in the order of the file, each once."""
        true = [each for each in problems if not each.missing or not self.given(*each.loc, each.missing)]
        ordered = sorted(true, key=lambda each: lines.line_of(each.loc, self.lines) or 0)
        return list(dict.fromkeys([*self.syntax, *(self._line(each) for each in ordered)]))

    def _line(self, problem: Problem) -> str:
        number = lines.line_of(problem.loc, self.lines)
        where = self.label + (f":{number}" if number is not None else "")
        found = value_at(problem.loc, self.raw) if problem.with_found else None
        value = "" if found is None else f" = {shown(found)}"
        path = key_path(problem.loc, self.raw)
        return _one_line(f"{where}: {path}{value}: {problem.says}" if path else f"{where}: {problem.says}")


def read(path: Path) -> Source:
    """Raises SpecError for what cannot be read at all."""
    label = _label(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise SpecError([f"{label}: there is no such file"]) from None
    except OSError as error:
        raise SpecError([f"{label}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SpecError([f"{label}: byte {error.start} is not UTF-8; save the file as UTF-8"]) from error
    return parse(text.replace("\r\n", "\n"), label, path.absolute().parent)


def parse(text: str, label: str, folder: Path) -> Source:
    """Raises SpecError where a syntax error leaves nothing to go on with."""
    rows = text.split("\n")
    found: dict[int, str] = {}
    while True:
        try:
            raw = tomllib.loads("\n".join(rows))
            if _depth(raw) > DEEPEST:
                raise SpecError(
                    [f"{label}: tables and lists are nested more than {DEEPEST} deep; nothing here needs that"]
                )
            return Source(label, folder, raw, lines.index(text), tuple(found.values()), frozenset(found))
        except tomllib.TOMLDecodeError as error:
            number = _error_line(error, len(rows))
            goes_on = _recoverable(error, rows[number - 1]) and number > max(found, default=0)
            found[number] = _syntax_line(error, label, rows[number - 1], number)
            if not goes_on or len(found) > MOST_SYNTAX_ERRORS:
                raise SpecError(list(found.values())) from error
            rows[number - 1] = ""
        except (RecursionError, ValueError) as error:
            raise SpecError([*found.values(), f"{label}: cannot be read as TOML: {error}"]) from error


def _recoverable(error: tomllib.TOMLDecodeError, row: str) -> bool:
    """A lost header would put what follows it into the wrong table: nothing after it can be believed."""
    opens_more = row.lstrip().startswith("[") or "'''" in row or '"""' in row
    return str(error).startswith(RECOVERABLE) and not opens_more


def _error_line(error: tomllib.TOMLDecodeError, count: int) -> int:
    """The line tomllib names. At the end of a text it names one too many."""
    place = PLACE.match(str(error))
    number = int(place["line"]) if place is not None and place["line"] else count
    return min(max(number, 1), count)


def _syntax_line(error: tomllib.TOMLDecodeError, label: str, row: str, number: int) -> str:
    place = PLACE.match(str(error))
    what = place["what"] if place is not None else str(error)
    column = f":{place['column']}" if place is not None and place["column"] else ""
    ways_out = [way for start, way in WAYS_OUT.items() if what.startswith(start)] or [
        "see toml.io for what TOML allows"
    ]
    excerpt = f" in `{row.strip()[:60]}`" if row.strip() else ""
    return _one_line(f"{label}:{number}{column}: not TOML: {what[:1].lower()}{what[1:]}{excerpt}; {ways_out[0]}")


def _one_line(text: str) -> str:
    """What cannot be printed is shown as \\n, \\x1b ...: a file's text does not get to steer the terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _depth(value: Any) -> int:
    """How deep containers are nested, without recursion."""
    depth, layer = 0, [value]
    while layer:
        depth += 1
        layer = [inner for each in layer for inner in _inside(each) if isinstance(inner, dict | list)]
    return depth


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _label(path: Path) -> str:
    """The path as one would type it from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def defines_shape(locustfile: Path) -> bool:
    """Whether a class in it is derived from a class called LoadTestShape; read, not run. False where it cannot be
    read."""
    try:
        found = ast.parse(locustfile.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    bases = [base for each in ast.walk(found) if isinstance(each, ast.ClassDef) for base in each.bases]
    return any(getattr(base, "id", getattr(base, "attr", "")) == "LoadTestShape" for base in bases)
