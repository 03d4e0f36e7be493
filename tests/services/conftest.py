"""A system from a few lines, its launch with a real guardian, and a journal that is a list."""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.services import Found, Plan, Server, _guard, _ports, _spaces
from loadlab.services._guardian import MARK, Guardian
from loadlab.services._launch import Running, launch
from loadlab.services._names import RunNames
from loadlab.services._plans import plan_all
from loadlab.spec.model import Spec

APPS = Path(__file__).parent / "apps"
NGINX = Server(Path("/usr/sbin/nginx"), "1.22.1", frozenset({"with-http_stub_status_module"}))


def spec_of(*services: dict[str, Any], folder: Path = APPS, **load: Any) -> Spec:
    return Spec.model_validate({"name": "system", "service": services, "load": load, "folder": folder})


def names_of(spec: Spec, **more: Any) -> RunNames:
    """Nothing of the machine in it: ports 7001, 7002, ..."""
    ports = iter(range(7001, 7100))
    given: dict[str, Any] = {
        "draw": lambda: next(ports),
        "attach": lambda where: Found((4711,), "127.0.0.1", (where.port or 8000,)),
        "resolve": lambda name, explicit: NGINX,
        "uid": 1000,
        "python": "/venv/bin/python",
    }
    return RunNames(spec, Path("/recording"), **(given | more))


def web(name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, "web.py", "{port}"], "ready": {"http": "/health"}} | more


def python(code: str, name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, "-u", "-c", code]} | more


@dataclass
class ListJournal:
    """What a recorder would write down."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        at = SYSTEM.monotonic() if t is None else t
        self.events.append({"kind": kind, "service": service, "instance": instance, "pid": pid, "at": at, **data})

    def log_path(self, service: str, instance: int) -> Path:
        return self.folder / "logs" / f"{service}-{instance}.log"

    def of(self, kind: str, service: str = "app") -> list[dict[str, Any]]:
        return [each for each in list(self.events) if each["kind"] == kind and each["service"] == service]


@dataclass
class Launched:
    """A run under test."""

    running: Running
    journal: ListJournal
    plans: tuple[Plan, ...]
    guardian: Guardian
    notes: list[str]
    spec: Spec
    names: RunNames

    def pids(self) -> list[int]:
        return family(self.guardian.mark)


def family(mark: str) -> list[int]:
    """Who carries a run's mark."""
    return [each.pid for each in _guard.family((f"{MARK}={mark}".encode(),), set())]


def alive(pid: int) -> bool:
    seen = _guard.look(pid)
    return seen is not None and seen.alive


def until(true: Callable[[], Any], within_s: float = 5.0) -> bool:
    deadline = SYSTEM.monotonic() + within_s
    while SYSTEM.monotonic() < deadline:
        if true():
            return True
        SYSTEM.sleep(0.01)
    return bool(true())


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


Launcher = Callable[..., AbstractContextManager[Launched]]


@pytest.fixture
def launching(tmp_path: Path) -> Iterator[Launcher]:
    """launching(service, ...) runs them; at the end of the test no process of it may be left, and no thread."""
    marks: list[str] = []
    left: list[int] = []
    threads = set(threading.enumerate())

    @contextmanager
    def run(*services: dict[str, Any], folder: Path = APPS, **options: Any) -> Iterator[Launched]:
        spec = spec_of(*services, folder=folder)
        journal = ListJournal(tmp_path / "recording")
        notes: list[str] = []
        with Guardian() as guardian:
            marks.append(guardian.mark)
            names = RunNames(spec, tmp_path / "recording")
            plans = plan_all(spec, tmp_path / "recording", names)
            try:
                with launch(plans, journal, SYSTEM, guardian, notes.append, **options) as running:
                    yield Launched(running, journal, plans, guardian, notes, spec, names)
            finally:
                left.extend(family(guardian.mark))  # before the guardian looks

    yield run
    for pid in [each for mark in marks for each in family(mark)]:
        os.kill(pid, 9)
    assert left == []
    assert _ports._held == {}
    assert _spaces._held == {}
    assert until(lambda: set(threading.enumerate()) <= threads), "a thread is left"


@pytest.fixture
def free_port() -> int:
    port = _ports.draw()
    _ports.hand_over(port)
    return port
