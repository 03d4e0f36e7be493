"""loadlab's own source, parsed: what the tests of the laws read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "loadlab"
FAMILIES = ("export", "probes", "rules", "services", "spec.checks")
"""Packages whose modules without a leading underscore are units."""


@cache
def modules() -> tuple[Path, ...]:
    """All modules of loadlab, as paths relative to the repository."""
    found = (each for each in PACKAGE.rglob("*.py") if "_js" not in each.parts and "_data" not in each.parts)
    return tuple(sorted(each.relative_to(ROOT) for each in found))


@cache
def tree(path: Path) -> ast.Module:
    """A module, parsed."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


@cache
def statements(path: Path) -> tuple[ast.AST, ...]:
    """Every statement of a module, at any depth; what they are made of is most of a tree, and is not walked through."""
    found: list[ast.AST] = [tree(path)]
    for node in found:
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            found += getattr(node, name, ())
    return tuple(found)


def units() -> Iterator[tuple[str, Path]]:
    """(family, module) for every unit."""
    for family in FAMILIES:
        for path in sorted((PACKAGE / family.replace(".", "/")).glob("*.py")):
            if not path.name.startswith("_"):
                yield family, path.relative_to(ROOT)


def package_of(path: Path) -> str:
    """`loadlab/spec/checks/files.py` -> spec; `loadlab/flow.py` -> flow."""
    return path.parts[1].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import, at any depth. `from a.b import c` gives a.b.c where that is a module."""
    for node in statements(path):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((_full(node.module or "", each.name), node.lineno) for each in node.names)


@cache
def _full(module: str, name: str) -> str:
    inner = ROOT / module.replace(".", "/") / name
    is_module = inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file()
    return f"{module}.{name}" if is_module else module
