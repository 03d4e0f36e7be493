"""The command line in this process, with a flow that measures nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.rich_utils
import typer.testing
from typer.testing import CliRunner, Result

import loadlab
from loadlab import cli
from loadlab.scoreboard import case
from tests.cli.fake import Flow

Invoke = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the current one. Wide enough that no message is wrapped, and not taken for a terminal, which
    CI systems like to ask for (typer reads that when it is imported)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for name in ("CI", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(typer.rich_utils, "FORCE_TERMINAL", None)
    return tmp_path


@pytest.fixture
def invoke(folder: Path) -> Invoke:
    """`invoke("run", "single")`: the result with exit_code, stdout, stderr."""
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, list(arguments), prog_name="loadlab")


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What nobody changes here, and every command makes anew: the truth of a hundred systems, for the scoreboard's, and
    the tree of commands with all their options, which typer takes from annotations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case, "read_case", cache(case.read_case))
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        patch.setattr(typer.testing, "_get_command", typer.main.get_command)
        yield


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    """What `run`, `diagnose` and `report` call instead of the real one."""
    fake = Flow()
    monkeypatch.setitem(sys.modules, "loadlab.flow", fake)
    monkeypatch.setattr(loadlab, "flow", fake, raising=False)
    return fake
