"""Help is where people learn a command: every line fits, every example is one, and it appears at once."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from loadlab import __version__, cli
from tests.cli.conftest import Invoke

ROOT = Path(__file__).resolve().parents[2]
NAMES = [each.__name__ for each in cli.COMMANDS]
EXAMPLE = re.compile(r"^(loadlab .*?)(?:   .*|)$", re.MULTILINE)


def docstring(name: str) -> str:
    return inspect.cleandoc(next(each.__doc__ or "" for each in cli.COMMANDS if each.__name__ == name))


def examples() -> list[tuple[str, str]]:
    """(command, example) of every command's help."""
    return [(name, found[1]) for name in NAMES for found in EXAMPLE.finditer(docstring(name))]


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_help_fits_80_columns_as_it_was_written(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = invoke(name, "--help")
    shown = [each.strip() for each in done.stdout.splitlines()]
    assert done.exit_code == 0
    for line in docstring(name).splitlines():
        assert line.strip() in shown


@pytest.mark.parametrize("name", NAMES)
def test_every_command_teaches_with_examples_and_a_first_line_that_stands_alone(name: str) -> None:
    text = docstring(name)
    assert sum(1 for each, _ in examples() if each == name) >= 2
    assert len(text.splitlines()[0]) <= 75
    assert text.splitlines()[0].endswith(".")


@pytest.mark.parametrize(("name", "example"), examples())
def test_every_example_is_taken_by_the_command_line(name: str, example: str) -> None:
    words = shlex.split(example)[1:]
    words = words[: words.index(">")] if ">" in words else words
    group = typer.main.get_command(cli.app)
    with group.make_context("loadlab", list(words)) as context:
        found, command, rest = group.resolve_command(context, list(words))  # type: ignore[attr-defined]
        assert command is not None
        command.make_context(found, rest, parent=context)


def test_the_first_help_lists_every_command(invoke: Invoke) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        text = invoke(*arguments).output
        for name in NAMES:
            assert re.search(rf"\b{name} +[A-Z]", text), name


def test_a_command_that_does_not_exist_is_told_what_was_meant(invoke: Invoke) -> None:
    done = invoke("dignose")
    assert done.exit_code == 2
    assert "No such command 'dignose'. Did you mean 'diagnose'?" in done.output


def test_the_version(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"loadlab {__version__}\n"


def test_the_console_script_is_the_one_named_in_the_package() -> None:
    assert 'loadlab = "loadlab.cli:main"' in (ROOT / "pyproject.toml").read_text()
    assert callable(cli.main)


def test_help_appears_at_once_for_it_loads_nothing_heavy() -> None:
    """Locust, numpy and the like take seconds on a small machine; they are loaded where they are needed."""
    code = "import sys; from loadlab import cli; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {each.split(".")[0] for each in done.stdout.split()}
    assert not loaded & {"numpy", "scipy", "locust", "gevent", "jinja2", "psutil", "pydantic"}
    assert "loadlab.flow" not in done.stdout.split()
