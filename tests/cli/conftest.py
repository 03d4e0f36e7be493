"""The command line in this process, with a flow that measures nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.rich_utils
from typer.testing import CliRunner, Result

import loadlab
from loadlab import cli
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


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    """What `run`, `diagnose` and `report` call instead of the real one."""
    fake = Flow()
    monkeypatch.setitem(sys.modules, "loadlab.flow", fake)
    monkeypatch.setattr(loadlab, "flow", fake, raising=False)
    return fake
