"""What no file of the repository may say: addresses of registries, paths of one machine, things left for later."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.sources import ROOT

FOLDERS = (
    "loadlab", "locustfiles", "profiles", "sample_apps", "tests", "benchmarks", "docs", ".ci",
)  # fmt: skip
GENERATED = {".ruff_cache", ".mypy_cache", ".pytest_cache", "__pycache__", "node_modules", "_js", "runs", ".hypothesis"}
SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".json",
    ".js",
    ".j2",
    ".html",
    ".css",
    ".yaml",
    ".yml",
    ".ambr",
    "",
    ".npmrc",
}
# Written so that this file does not say it itself.
REGISTRIES = re.compile(r"pyp[i]\.org|pythonhosted\.or[g]|npm[j]s\.(org|com)|registry\.yar[n]|proxy\.golan[g]")
MACHINE = re.compile(r"(?<![\w.])/(wor[k]|roo[t])/\w")
LATER = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")


@cache
def _texts() -> tuple[tuple[Path, str], ...]:
    """(file, text) of everything that is kept."""
    paths = [each for folder in FOLDERS for each in (ROOT / folder).rglob("*") if not GENERATED & set(each.parts)]
    paths += [each for each in ROOT.iterdir() if each.name != ".git"]
    return tuple(
        (path.relative_to(ROOT), path.read_text(encoding="utf-8", errors="replace"))
        for path in sorted(each for each in paths if each.suffix in SUFFIXES and each.is_file())
    )


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in _texts()
        if pattern.search(text)  # no pattern reaches over the end of a line
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry() -> None:
    """Where packages come from is the business of the machine that installs them."""
    assert not _found(REGISTRIES)


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert not _found(MACHINE)


def test_nothing_is_left_for_later() -> None:
    assert not _found(LATER)


def test_the_patterns_find_what_they_are_for() -> None:
    assert REGISTRIES.search("https://" + "pypi" + ".org/simple")
    assert MACHINE.search("open('/ro" + "ot/x')")
    assert not MACHINE.search("https://example.com/ro" + "ot/x")
    assert LATER.search("# " + "TO" + "DO: later")
