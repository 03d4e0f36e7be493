"""On which line a key of a TOML text stands. tomllib does not tell, and a problem without a line is a search.

A scan, not a parser: it knows table headers, dotted keys, inline tables and multi-line strings. Where it cannot tell it
gives the line of the nearest key above, never an error.
"""

from __future__ import annotations

import re

from loadlab.spec.problem import Loc

KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
HEADER = re.compile(rf"^\s*(\[\[?)\s*({KEY}(?:\s*\.\s*{KEY})*)\s*\]")
PAIR = re.compile(rf"^\s*({KEY}(?:\s*\.\s*{KEY})*)\s*=(.*)$")
INNER = re.compile(rf"({KEY})\s*=")
PART = re.compile(KEY)
TRIPLE = re.compile(r'"""|' + "'''")


def index(text: str) -> dict[Loc, int]:
    """Every key path found -> its first line, counted from 1."""
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        inside, quote = quote, _quote_after(line, quote)
        if inside:
            continue
        header, pair = HEADER.match(line), PAIR.match(line)
        if header is not None:
            table = _table(header, counts)
            found.setdefault(table, number)
        elif pair is not None:
            _note(found, table + _parts(pair[1]), pair[2], number)
    return found


def line_of(loc: Loc, lines: dict[Loc, int]) -> int | None:
    """The line of a key, or of the nearest one above it."""
    for length in range(len(loc), 0, -1):
        if loc[:length] in lines:
            return lines[loc[:length]]
    return None


def _note(found: dict[Loc, int], loc: Loc, value: str, number: int) -> None:
    """A key, and those of an inline table behind it (one level is enough to find the line)."""
    found.setdefault(loc, number)
    if value.lstrip().startswith("{"):
        for inner in INNER.finditer(value):
            found.setdefault(loc + _parts(inner[1]), number)


def _table(header: re.Match[str], counts: dict[Loc, int]) -> Loc:
    """[a.b] and [[a]]: tables inside an array of tables belong to its last entry."""
    loc: Loc = ()
    parts = _parts(header[2])
    for position, part in enumerate(parts):
        loc = (*loc, part)
        last = position == len(parts) - 1
        if last and header[1] == "[[":
            counts[loc] = counts.get(loc, -1) + 1
        if loc in counts:
            loc = (*loc, counts[loc])
    return loc


def _parts(text: str) -> Loc:
    return tuple(each.strip("\"'") if each[0] in "\"'" else each for each in PART.findall(text))


def _quote_after(line: str, quote: str) -> str:
    """The triple quote still open at the end of this line."""
    if not quote and line.lstrip().startswith("#"):
        return ""
    for each in TRIPLE.findall(line):
        if not quote:
            quote = each
        elif quote == each:
            quote = ""
    return quote
