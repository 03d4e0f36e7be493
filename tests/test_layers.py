"""Who may import whom, and what only one place may do. Read from the source: a unit nobody runs obeys as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.sources import PACKAGE, ROOT, imports, modules, package_of, tree

EVERYBODY = {"errors", "catalogue", "spec.model", "loadlab"}
"""What any module may import: the error tree, the finder of units, the user's nouns, the version."""
IMPURE = {"clock"}
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "clock": set(),
    "catalogue": set(),
    "spec": {"spec"},
    "signals": {"signals", "recording.model"},
    "rules": {"rules", "signals", "recording.model"},
    "diagnosis": {"diagnosis", "rules", "signals", "recording.model"},
    "scoreboard": {"scoreboard", "spec", "diagnosis", "signals", "recording.model"},
    "report": {"report", "scoreboard", "diagnosis", "rules", "signals", "recording.model"},
    "gate": {"gate", "diagnosis", "rules", "signals", "recording.model"},
    "services": {"services", "spec", "recording", *IMPURE},
    "load": {"load", "spec", "recording", *IMPURE},
    "probes": {"probes", "services", "recording", *IMPURE},
    "recording": {"recording", "spec", "services", "load", "probes", *IMPURE},
    "experiments": {"experiments", "services", "load", "probes", "recording", "signals", *IMPURE},
    "export": {"export", "load", *IMPURE},
    "live": {"live", "services", "load", "probes", "recording", "signals", *IMPURE},
    "remedy": {"spec", "services", "load", "experiments", "recording", "diagnosis", *IMPURE},
    "flow": {
        "export", "live", "remedy", "spec", "services", "load", "probes", "experiments", "recording", "signals",
        "diagnosis", "report", "gate", *IMPURE,
    },
    "__main__": {"cli"},
    "cli": {
        "cli", "flow", "live", "spec", "services", "load", "probes", "recording", "rules", "diagnosis", "report",
        "gate", "scoreboard", *IMPURE,
    },
}  # fmt: skip
PURE = ("spec", "signals", "rules", "diagnosis", "scoreboard", "report", "gate")
PURE_FILES = (Path("loadlab/recording/model.py"),)
ACTS = {
    "time", "datetime", "socket", "subprocess", "select", "selectors", "threading", "multiprocessing",
    "asyncio", "locust", "gevent", "psutil",
}  # fmt: skip
"""Clocks, processes, sockets, threads: nothing pure asks them."""
LOCUST = tuple(Path("loadlab/load") / name for name in ("_generator.py", "_user.py", "_behaviour.py"))
LEAVES = re.compile(r"\b(print|exit)\b")
"""Only what has such a word is looked at closely."""
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}


def test_a_package_imports_only_what_lies_below_it() -> None:
    """cli -> flow -> {report, gate} -> diagnosis -> rules -> signals -> recording.model; flow -> what acts."""
    found = [
        f"{path}:{line} imports {name}"
        for path, name, line in _all_imports()
        if name.split(".")[0] == "loadlab" and not _is_allowed(name, MAY_IMPORT[package_of(path)] | EVERYBODY)
    ]
    assert not found, found


def test_every_package_has_its_place_in_the_order() -> None:
    """A new package decides in MAY_IMPORT what it may import."""
    found = {package_of(path) for path in modules()}
    assert found <= set(MAY_IMPORT), found - set(MAY_IMPORT)


def test_nothing_pure_asks_a_clock_a_process_or_a_socket() -> None:
    """The pure parts give the same bytes on every machine."""
    found = [
        f"{path}:{line} imports {name}"
        for path, name, line in _all_imports()
        if _is_pure(path) and name.split(".")[0] in ACTS
    ]
    assert not found, found


def test_nothing_pure_imports_a_private_module_of_another_package() -> None:
    """A leading underscore marks what acts."""
    found = [
        f"{path}:{line} imports {name}"
        for path, name, line in _all_imports()
        if _is_pure(path) and _is_private(name) and not name.startswith(f"loadlab.{package_of(path)}.")
    ]
    assert not found, found


def test_only_the_clock_imports_time() -> None:
    """Else a test could not move it."""
    found = [
        f"{path}:{line} imports {name}"
        for path, name, line in _all_imports()
        if name in ("time", "datetime") and path != Path("loadlab/clock.py")
    ]
    assert not found, found


def test_only_the_generator_imports_locust() -> None:
    """Locust patches the process it is imported in: it lives in a child, behind three files."""
    found = [
        f"{path}:{line} imports {name}"
        for path, name, line in _all_imports()
        if name.split(".")[0] == "locust" and path not in LOCUST
    ]
    assert not found, found


def test_only_the_command_line_prints_and_exits() -> None:
    """Everything else returns, or raises an error of loadlab's tree. A child's `if __name__ == "__main__"` may exit."""
    found = [
        f"{path}:{line} calls {name}"
        for path in modules()
        if package_of(path) != "cli" and LEAVES.search((ROOT / path).read_text(encoding="utf-8"))
        for name, line in _calls(tree(path))
        if name in ("print", "sys.exit", "exit")
    ]
    assert not found, found


def test_no_function_is_named_like_a_package() -> None:
    """Packages are nouns, functions verbs: an import says which. A command is named as the user types it."""
    packages = {each.name for each in PACKAGE.iterdir() if (each / "__init__.py").is_file()}
    found = [
        f"{path}:{node.lineno} {node.name}()"
        for path in modules()
        if package_of(path) != "cli"
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and node.name in packages
    ]
    assert not found, found


def test_names_say_what_is_inside() -> None:
    """No drawer for everything."""
    parts = {part.removesuffix(".py").lstrip("_") for path in modules() for part in path.parts}
    assert not BANNED_NAMES & parts


def test_the_check_sees_an_import_inside_a_function(tmp_path: Path) -> None:
    """Late imports count as well."""
    late = tmp_path / "late.py"
    late.write_text("def f():\n    from time import sleep\n    import locust.user\n")
    assert [name for name, _ in imports(late)] == ["time", "locust.user"]


def _all_imports() -> Iterator[tuple[Path, str, int]]:
    return iter(_imports())


@cache
def _imports() -> tuple[tuple[Path, str, int], ...]:
    return tuple((path, name, line) for path in modules() if len(path.parts) > 1 for name, line in imports(path))


def _is_pure(path: Path) -> bool:
    return package_of(path) in PURE or path in PURE_FILES


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def _is_allowed(name: str, allowed: set[str]) -> bool:
    """`loadlab.recording.model` is allowed by recording.model and by recording, `loadlab.recording` by the latter."""
    inner = name.removeprefix("loadlab.")
    return any(inner == each or inner.startswith(each + ".") for each in allowed)


def _calls(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that are called, outside of `if __name__ == "__main__"`."""
    kept = [each for each in module.body if not (isinstance(each, ast.If) and "__main__" in ast.unparse(each.test))]
    for statement in kept:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield ast.unparse(node.func), node.lineno
