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

from loadlab.spec.model import Limits, Ready, ServiceSpec, Spec

UNIT = ("ROLE", "check", "plan")


@dataclass(frozen=True)
class Server:
    """A server's binary on this machine. features: the options it was built with, as it spells them."""

    path: Path
    version: str = ""
    features: frozenset[str] = frozenset()

    def at_least(self, *version: int) -> bool:
        """Whether it is this version or later: at_least(1, 19, 5)."""
        parts = tuple(int(each) for each in self.version.split(".") if each.isdigit())
        return parts >= version


@dataclass(frozen=True)
class Found:
    """Something that already runs. pids: the root of each process tree; none where there is only an address."""

    pids: tuple[int, ...] = ()
    host: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    scheme: str = "http"


@dataclass(frozen=True)
class Network:
    """A network namespace that an instance is to have. address: what others reach it at; home: where it reaches what
    listens on this machine's loopback."""

    address: str
    home: str


@dataclass(frozen=True)
class Space:
    """A network namespace that an instance has. descriptor: open for as long as the run; ports: its
    ip_local_port_range. address, home: as of Network."""

    descriptor: int
    address: str
    home: str
    ports: str = ""


class Names(Protocol):
    """Resolves placeholders, gives out ports and folders. One for a run; pure once the ports are drawn."""

    @property
    def spec(self) -> Spec:
        """The whole system."""
        ...

    @property
    def uid(self) -> int:
        """The user everything runs as."""
        ...

    def host(self, service: str, instance: int = 0, asking: str = "") -> str:
        """Where an instance is reached: by loadlab, or by the service that is asking. All at one address, unless each
        has a network of its own."""
        ...

    def url(self, service: str, asking: str = "") -> str:
        """The address of a service's first instance."""
        ...

    def addresses(self, service: str, asking: str = "") -> tuple[str, ...]:
        """host:port of the instances that take requests."""
        ...

    def is_apart(self, service: str) -> bool:
        """Whether each of its instances has an address of its own."""
        ...

    def spare(self, service: str, instance: int, what: str) -> int:
        """One more port of an instance, for `what`: the same for the same question."""
        ...

    def server(self, name: str, service: ServiceSpec) -> Server:
        """The binary of a server. Raises ServerMissing."""
        ...

    def found(self, service: ServiceSpec) -> Found:
        """What an attached service is. Raises ServiceError."""
        ...

    def ports(self, service: str) -> tuple[int, ...]:
        """The ports of the instances that take requests."""
        ...

    def all_ports(self, service: str) -> tuple[int, ...]:
        """The port of each instance there can be, by its number."""
        ...

    def folder(self, service: str, instance: int) -> Path:
        """Where an instance may write: inside the recording."""
        ...

    def fill(self, text: str, service: str, instance: int) -> str:
        """Text with its placeholders replaced."""
        ...


@dataclass(frozen=True)
class TakeOver:
    """How a server that runs takes over a new plan without losing a request. `signal`: sent to its process once the
    files are written; `lines`: said to `socket` (below its folder), where it has one."""

    signal: int = 0
    socket: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProcessPlan:
    """One process to start. `argv` is never a shell string; `files` are written below `folder` first."""

    service: str
    instance: int
    argv: tuple[str, ...]
    cwd: Path
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    """Variables it is given as loadlab has them; `env` goes before."""
    files: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    """Where it answers what it is asked for; the first is the one that is checked and loaded."""
    spare_ports: tuple[int, ...] = ()
    """Where it listens besides: its status, its peers."""
    host: str = "127.0.0.1"
    scheme: str = "http"
    ready: Ready = field(default_factory=Ready)
    stop_signal: int = 15
    status: Mapping[str, str] = field(default_factory=dict)
    """What a server's own probe needs: for nginx {"access_log": path, "status_url": url}."""
    test: tuple[str, ...] = ()
    """Run before the start where the server can check its configuration; what it prints is the error."""
    scratch: tuple[str, ...] = ()
    """Files and folders below `folder` that are removed at the end: a log of every request, buffers."""
    limits: Limits | None = None
    restart: bool = False
    """Whether a dead instance is started again."""
    setup: tuple[str, ...] = ()
    """Run once in `cwd` before the first start."""
    verify: bool = True
    ca: Path | None = None
    take_over: TakeOver | None = None
    """None for a program that cannot be told of new instances of what it calls."""
    network: Network | None = None
    """None: this machine's."""


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
    attached_ports: tuple[int, ...] = ()
    version: str = ""
    """Of the server, where it is one that loadlab knows."""
    replica_urls: tuple[str, ...] = ()
    """Where copies answer that are only read from; a database's."""
    standby: tuple[ProcessPlan, ...] = ()
    """Further instances, which a scaler may start."""
    after: tuple[str, ...] = ()
    """Services that are ready before this one starts."""

    @property
    def all_processes(self) -> tuple[ProcessPlan, ...]:
        """Those that are started before the load, then those that may be."""
        return (*self.processes, *self.standby)


@dataclass(frozen=True)
class Target:
    """Something that runs and is watched: the root of a process tree. loadlab's own are "generator" and "loadlab"."""

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
    log: Path | None = None
    """Where its output goes; None of what loadlab did not start."""
    space: Space | None = None
    """None: it is in loadlab's own network namespace."""

    @property
    def host(self) -> str:
        """Where loadlab reaches its ports."""
        return self.space.address if self.space is not None else "127.0.0.1"


class Targets(Protocol):
    """What runs now. Asked at each tick; instances come and go."""

    def now(self) -> tuple[Target, ...]:
        """All targets alive."""
        ...
