"""Edges: who calls whom, and how many requests are under way

What: established connections from one service's processes to another's port, and on how many of them the caller has
sent after it last received: a request is outstanding there. Nothing has to be built into the services for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._flow import Growth
from loadlab.probes._sockets import ESTABLISHED, LISTEN, Socket, everywhere
from loadlab.probes._tree import Tree
from loadlab.probes._waiting import add, socket_inodes
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "edge"
INTERVAL_S = 0.5
METRICS = (
    Metric("connections", "1", "gauge", "established connections"),
    Metric("outstanding", "1", "gauge", "connections on which the caller waits for an answer"),
    Metric("unread_bytes", "bytes", "gauge", "sent by the caller, not yet read by the callee"),
    Metric("unsent_bytes", "bytes", "gauge", "answers not yet taken by the caller's kernel"),
    Metric("held", "1", "gauge", "connections whose caller keeps back a short piece until what went is acknowledged"),
    Metric("held_late", "1", "gauge", "of these, for longer than the path takes: the callee delays to acknowledge"),
    Metric("new", "1", "counter", "connections seen for the first time; short-lived ones are missed"),
    Metric("segments_out", "1", "counter", "segments with data that the caller sent; a question is one or a few"),
    Metric("segments_in", "1", "counter", "segments with data that the caller received"),
    Metric("bytes_out", "bytes", "counter", "sent by the caller and acknowledged"),
    Metric("bytes_in", "bytes", "counter", "received by the caller's kernel"),
)
Key = tuple[str, int, str]


class Edges:
    """The open probe."""

    def __init__(self, targets: Targets, proc: Path) -> None:
        self._targets = targets
        self._tree = Tree(targets, proc)
        self._proc = str(proc)
        self._owners: dict[int, tuple[str, int]] = {}
        self._seen: dict[Key, set[tuple[str, int, str, int]]] = defaultdict(set)
        self._new: dict[Key, int] = defaultdict(int)
        self._grown = Growth(4)

    def read(self, t: float) -> Iterable[Row]:
        """One row for each pair of caller and callee."""
        targets = self._targets.now()
        found = everywhere(targets, t, 1 << ESTABLISHED | 1 << LISTEN, info=True, anew=True)
        self._resolve(t, {each.inode for each in found})
        sockets = [each for each in found if each.state != LISTEN]
        # What a service accepts on a further port of its own (figures, a helper's) is no call of its own either.
        doors = {(self._owners[each.inode], each.port) for each in found if each.state == LISTEN}
        ports = {port: f"{each.service}/{each.instance}" for each in targets for port in each.ports}
        served = {(each.peer, each.peer_port, each.local, each.port): each for each in sockets if each.port in ports}
        sums: dict[Key, list[float]] = defaultdict(lambda: [0.0] * 6)
        alive: dict[Key, set[tuple[str, int, str, int]]] = defaultdict(set)
        for each in sockets:
            owner = self._owners.get(each.inode)
            if owner is None or not owner[0] or each.port in ports or (owner, each.port) in doors:
                continue
            key = (*owner, ports.get(each.peer_port, f"{each.peer}:{each.peer_port}"))
            far = served.get((each.local, each.port, each.peer, each.peer_port))
            add(sums[key], each, far)
            connection = (each.local, each.port, each.peer, each.peer_port)
            alive[key].add(connection)
            self._grown.add(key, connection, said(each))
        self._grown.next()
        return self._rows(sums, alive)

    def close(self) -> None:
        """Nothing is kept open."""

    def _rows(self, sums: dict[Key, list[float]], alive: dict[Key, set[tuple[str, int, str, int]]]) -> list[Row]:
        rows: list[Row] = []
        for key in sorted({*sums, *self._seen}):
            self._new[key] += len(alive[key] - self._seen[key])
            self._seen[key] = alive[key]
            entity = Entity("edge", key[0], key[1], name=key[2])
            rows.append((entity, (*sums[key], float(self._new[key]), *self._grown.of(key))))
        return rows

    def _resolve(self, t: float, inodes: set[int]) -> None:
        """Whose a socket is; only when there are new ones, since it means reading every descriptor's link."""
        self._owners = {inode: owner for inode, owner in self._owners.items() if inode in inodes}
        if not inodes - self._owners.keys():
            return
        for member in self._tree.members(t):
            for inode in socket_inodes(f"{self._proc}/{member.pid}/fd"):
                self._owners[inode] = (member.target.service, member.target.instance)
        for inode in inodes - self._owners.keys():
            self._owners[inode] = ("", 0)  # a stranger's: not asked again


def said(caller: Socket) -> tuple[int, int, int, int]:
    """Segments and bytes that a connection's caller sent and received; zeros where the kernel does not tell."""
    moved = caller.flow
    volume = (moved.bytes_out, moved.bytes_in) if moved is not None else (0, 0)
    return (max(0, caller.segments_out), max(0, caller.segments_in), *volume)


def open(targets: Targets, proc: Path = Path("/proc")) -> Edges:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Edges(targets, proc)
