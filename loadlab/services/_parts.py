"""What one command starts besides itself: a launcher's programs (supervisord, honcho, a shell script) that listen on
ports of their own are watched as services of their own, as if they had been written down one by one.

The service itself is then the program on its port; the launcher, with what listens on nothing, is a part as well: who
holds no connection has no request in it. Several that differ in numbers only (a port, an index) are instances of one
part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from loadlab.clock import Clock
from loadlab.recording.model import ServiceMeta
from loadlab.services import Target, Targets, _find, _guard

LAUNCHERS = ("command", "attached")
"""Units that may start anything; of the others it is known what their processes are."""
LOOKS_S = 1.0
"""Between two looks: programs come up one after the other, and are started again."""
INTERPRETER = re.compile(r"^(python|pypy|ruby|node|nodejs|php|perl|java|deno|bun|bash|sh)[\d.]*$")
"""Of these the name of what they run says more than their own."""
LONGEST = 24
"""Characters of a name."""


class Listening(Protocol):
    """What this needs of a socket that accepts connections."""

    @property
    def port(self) -> int:
        """Where."""
        ...

    @property
    def inode(self) -> int:
        """What its holders' descriptors point to."""
        ...


@dataclass(frozen=True)
class Part:
    """One program. owner: the service and instance whose command started it."""

    owner: tuple[str, int]
    service: str
    instance: int
    pid: int
    ports: tuple[int, ...]
    command: tuple[str, ...]
    unit: str


class Parts:
    """Implements Targets: the services' targets, and the parts of their launchers after them.

    listening: all sockets that accept connections now. told: of every part there is, when there is a new one.
    """

    def __init__(
        self,
        services: Targets,
        listening: Callable[[], Iterable[Listening]],
        clock: Clock,
        told: Callable[[tuple[ServiceMeta, ...]], None],
        proc: Path = Path("/proc"),
    ) -> None:
        self._services = services
        self._listening = listening
        self._clock = clock
        self._told = told
        self._proc = proc
        self._looked = float("-inf")
        self._seen: set[int] = set()
        """Inodes of which it is known whose they are."""
        self._parts: dict[tuple[str, int], Part] = {}
        self._mains: dict[tuple[str, int], int] = {}
        """The program on a launcher's own port, by service and instance."""

    def now(self) -> tuple[Target, ...]:
        """All alive."""
        targets = self._services.now()
        if self._clock.monotonic() >= self._looked + LOOKS_S:
            self._looked = self._clock.monotonic()
            self._look([each for each in targets if each.unit in LAUNCHERS])
        alive = [each for each in tuple(self._parts.values()) if (self._proc / str(each.pid)).exists()]
        taken = {port for each in alive for port in each.ports}
        by_owner = {(each.service, each.instance): each for each in targets}
        mine = [
            replace(each, pid=self._main(each), ports=tuple(port for port in each.ports if port not in taken))
            for each in targets
        ]
        return (*mine, *(_target(each, by_owner[each.owner]) for each in alive if each.owner in by_owner))

    def _main(self, target: Target) -> int:
        pid = self._mains.get((target.service, target.instance), target.pid)
        return pid if (self._proc / str(pid)).exists() else target.pid

    def _look(self, targets: Sequence[Target]) -> None:
        if not targets:
            return
        try:
            open_now = {each.inode: each.port for each in self._listening()}
        except OSError:
            return  # the probe of listening sockets fails as well, and that is recorded
        new, self._seen = open_now.keys() - self._seen, set(open_now)
        if not new:
            return
        found = [part for each in targets for part in self._of(each, open_now)]
        for pid, ports, owner in found:
            self._take(pid, ports, owner)
        if found:
            self._told(metas(self._parts.values()))

    def _of(self, target: Target, open_now: dict[int, int]) -> list[tuple[int, tuple[int, ...], Target]]:
        """Root and ports of each program below a target that listens, but for the one on the target's own port."""
        pids = _find.tree(target.pid, self._proc)
        held = {pid: open_now.keys() & set(_find.sockets(pid, self._proc)) for pid in pids}
        processes = _guard.table(str(self._proc))
        own = {inode for inode, port in open_now.items() if port in target.ports[:1]}
        main = {pid for pid, inodes in held.items() if inodes & own} | {target.pid}
        by_root: dict[int, set[int]] = {}
        for inode in {inode for inodes in held.values() for inode in inodes} - own:
            holders = [pid for pid, inodes in held.items() if inode in inodes]
            root = _find.tops(holders, processes)[0]
            if not main & set(_find.tree(root, self._proc)):
                by_root.setdefault(root, set()).add(open_now[inode])
        own_kind = {pid for pid in by_root if self._forked_from(pid, by_root)}
        found = [(pid, tuple(sorted(ports)), target) for pid, ports in sorted(by_root.items()) if pid not in own_kind]
        below = _find.tops(main - {target.pid}, processes)
        if found and len(below) == 1 and not own & held.get(target.pid, set()):
            self._mains[(target.service, target.instance)] = below[0]
            found.append((target.pid, (), target))
        return found

    def _forked_from(self, pid: int, roots: Iterable[int]) -> bool:
        """Whether it is another root's worker: below it, with the same command line."""
        command = command_of(pid, self._proc)
        above = (each for each in roots if each != pid and command_of(each, self._proc) == command)
        return any(pid in _find.tree(each, self._proc) for each in above)

    def _take(self, pid: int, ports: tuple[int, ...], owner: Target) -> None:
        key, command = (owner.service, owner.instance), command_of(pid, self._proc)
        before = next((one for one, each in self._parts.items() if each.owner == key and each.ports == ports), None)
        if before is not None:  # started again
            self._parts[before] = replace(self._parts[before], pid=pid)
            return
        name, shape = f"{owner.service}.{program(command)}", _shape(command)
        same = [each for each in self._parts.values() if each.service == name]
        if any(_shape(each.command) != shape for each in same):
            name = f"{name}-{ports[0] if ports else 'launcher'}"
            same = [each for each in self._parts.values() if each.service == name]
        self._parts[(name, len(same))] = Part(key, name, len(same), pid, ports, command, owner.unit)


def metas(parts: Iterable[Part]) -> tuple[ServiceMeta, ...]:
    """As services of a recording."""
    found: dict[str, ServiceMeta] = {}
    for each in parts:
        before = found.get(each.service)
        if before is None:
            found[each.service] = ServiceMeta(each.service, "app", each.unit, 1, each.command, ports=each.ports[:1])
        else:
            ports = (*before.ports, *each.ports[:1])
            found[each.service] = replace(before, instances=before.instances + 1, ports=ports)
    return tuple(found.values())


def program(command: Sequence[str]) -> str:
    """What a command line runs, in a word: of an interpreter its script or module."""
    words = [each for each in command if each]
    if not words:
        return "program"
    first = words[0].partition(":")[0].rpartition("/")[2]
    if INTERPRETER.match(first):
        rest = (each for each in words[1:] if not each.startswith("-") and any(map(str.isalnum, each)))
        first = next(rest, first).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", first)[:LONGEST].strip("-.") or "program"


def command_of(pid: int, proc: Path) -> tuple[str, ...]:
    """A process's command line; empty where it is gone."""
    raw = _guard.content(f"{proc}/{pid}/cmdline").rstrip(b"\0")
    return tuple(each.decode("utf-8", "replace") for each in raw.split(b"\0")) if raw else ()


def _shape(command: Sequence[str]) -> tuple[str, ...]:
    return tuple(re.sub(r"\d+", "0", each) for each in command)


def _target(part: Part, owner: Target) -> Target:
    """Its owner's limits and log are counted once, as the owner's."""
    return replace(
        owner,
        service=part.service,
        instance=part.instance,
        pid=part.pid,
        ports=part.ports,
        role="app",
        status={},
        cgroup={},
        log=None,
    )
