"""2 WHAT RUNS. A unit (one file per kind of service) plans; `_launch`, `_ready`, `_limits`, `_supervise` act.

A unit of this family has:

    ROLE: str                                        the role where the user gives none
    def check(service: ServiceSpec, spec: Spec) -> list[str]      problems in `with` and friends, pure
    def plan(service: ServiceSpec, names: Names) -> Plan          what to start, pure
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loadlab.spec.model import Ready

UNIT = ("ROLE", "check", "plan")


class Names(Protocol):
    """Resolves placeholders, gives out ports and folders. One for a run; pure once the ports are drawn."""

    def ports(self, service: str) -> tuple[int, ...]:
        """The port of each instance."""
        ...

    def folder(self, service: str, instance: int) -> Path:
        """Where an instance may write: inside the recording."""
        ...

    def fill(self, text: str, service: str, instance: int) -> str:
        """Text with its placeholders replaced."""
        ...


@dataclass(frozen=True)
class ProcessPlan:
    """One process to start. `argv` is never a shell string; `files` are written below `folder` first."""

    service: str
    instance: int
    argv: tuple[str, ...]
    cwd: Path
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    host: str = "127.0.0.1"
    scheme: str = "http"
    ready: Ready = field(default_factory=Ready)
    stop_signal: int = 15
    status: Mapping[str, str] = field(default_factory=dict)
    """What a server's own probe needs: for nginx {"access_log": path, "status_url": url}."""


@dataclass(frozen=True)
class Plan:
    """All processes of one service, and what a caller needs to reach it."""

    service: str
    role: str
    unit: str
    processes: tuple[ProcessPlan, ...]
    attached_pids: tuple[int, ...] = ()
    """Processes somebody else started: watched, never signalled but by --prove."""
    url: str = ""
    """Where the service answers, e.g. http://127.0.0.1:8000; the first instance's where there are several."""


@dataclass(frozen=True)
class Target:
    """Something that runs and is watched: the root of a process tree. service "generator" and "loadlab" are loadlab's own."""

    service: str
    instance: int
    pid: int
    role: str = "app"
    unit: str = "command"
    ports: tuple[int, ...] = ()
    folder: Path = Path()
    cgroup: Mapping[str, Path] = field(default_factory=dict)
    """controller ("cpu", "memory", or "unified") -> its folder in the cgroup file system."""
    status: Mapping[str, str] = field(default_factory=dict)
    files_limit: int | None = None
    attached: bool = False


class Targets(Protocol):
    """What runs now. Asked at each tick; instances come and go."""

    def now(self) -> tuple[Target, ...]:
        """All targets alive."""
        ...
