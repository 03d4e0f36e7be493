"""Sizes, taken from codebases that read well: what grows past them wants to be two things."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

from tests.sources import ROOT, modules, statements, tree, units

MOST_LINES_OF_A_FUNCTION = 60
MEDIAN_LINES = 9
P90_LINES = 30
MOST_LINES_OF_A_UNIT = 120
MOST_LINES_OF_A_FILE = 400
FOLDERS = ("loadlab", "locustfiles", "sample_apps", "benchmarks", "tests")


def _functions() -> list[tuple[int, str]]:
    """(lines, where) of every function, its docstring included."""
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.lineno} {node.name}")
        for path in modules()
        for node in statements(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _lines(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_no_function_is_longer_than_a_screen() -> None:
    found = [f"{where}: {lines}" for lines, where in _functions() if lines > MOST_LINES_OF_A_FUNCTION]
    assert not found, found


def test_most_functions_are_short() -> None:
    lengths = sorted(lines for lines, _ in _functions())
    assert statistics.median(lengths) <= MEDIAN_LINES
    assert lengths[int(0.9 * len(lengths))] <= P90_LINES


def _code_lines(path: Path) -> int:
    """Without the module's docstring: of a rule that is its page in the docs."""
    body = tree(path).body
    first = body[0] if body and ast.get_docstring(tree(path)) else None
    return _lines(path) - ((first.end_lineno or 0) if first is not None else 0)


def test_a_unit_can_be_read_at_once() -> None:
    found = [f"{path}: {_code_lines(path)}" for _, path in units() if _code_lines(path) > MOST_LINES_OF_A_UNIT]
    assert not found, found


def test_no_file_is_a_book() -> None:
    paths = [each for folder in FOLDERS for each in (ROOT / folder).rglob("*.py") if "node_modules" not in each.parts]
    found = {str(each.relative_to(ROOT)): lines for each in paths if (lines := _lines(each)) > MOST_LINES_OF_A_FILE}
    assert not found, found
