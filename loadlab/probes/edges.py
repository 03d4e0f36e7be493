"""Edges: who calls whom, and how many requests are under way

What: established connections from one service's processes to another's port, and on how many of them the caller has
sent after it last received: a request is outstanding there. Nothing has to be built into the services for it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from loadlab.probes import Row
from loadlab.probes._sockets import ESTABLISHED, Socket, dump
from loadlab.probes._tree import Tree
from loadlab.recording.model import Entity, Metric
from loadlab.services import Targets

ENTITY = "edge"
INTERVAL_S = 0.5
METRICS = (
    Metric("connections", "1", "gauge", "established connections"),
    Metric("outstanding", "1", "gauge", "connections on which the caller waits for an answer"),
    Metric("unread_bytes", "bytes", "gauge", "sent by the caller, not yet read by the callee"),
    Metric("unsent_bytes", "bytes", "gauge", "answers not yet taken by the caller's kernel"),
    Metric("new", "1", "counter", "connections seen for the first time; short-lived ones are missed"),
)
DELAYED_ACK_MS = 40
"""Linux acknowledges what nobody answers within 40 ms (TCP_DELACK_MIN): after that, the side that got an
acknowledgement
without data is the one that asked."""
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

    def read(self, t: float) -> Iterable[Row]:
        """One row for each pair of caller and callee."""
        sockets = dump(1 << ESTABLISHED, info=True)
        self._resolve(t, {each.inode for each in sockets})
        ports = {port: f"{each.service}/{each.instance}" for each in self._targets.now() for port in each.ports}
        served = {(each.peer, each.peer_port, each.local, each.port): each for each in sockets if each.port in ports}
        sums: dict[Key, list[float]] = defaultdict(lambda: [0.0] * 4)
        alive: dict[Key, set[tuple[str, int, str, int]]] = defaultdict(set)
        for each in sockets:
            owner = self._owners.get(each.inode)
            if owner is None or not owner[0] or each.port in ports:
                continue
            key = (*owner, ports.get(each.peer_port, f"{each.peer}:{each.peer_port}"))
            far = served.get((each.local, each.port, each.peer, each.peer_port))
            add(sums[key], each, far)
            alive[key].add((each.local, each.port, each.peer, each.peer_port))
        return self._rows(sums, alive)

    def close(self) -> None:
        """Nothing is kept open."""

    def _rows(self, sums: dict[Key, list[float]], alive: dict[Key, set[tuple[str, int, str, int]]]) -> list[Row]:
        rows: list[Row] = []
        for key in sorted({*sums, *self._seen}):
            self._new[key] += len(alive[key] - self._seen[key])
            self._seen[key] = alive[key]
            entity = Entity("edge", key[0], key[1], name=key[2])
            rows.append((entity, (*sums[key], float(self._new[key]))))
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


def open(targets: Targets, proc: Path = Path("/proc")) -> Edges:  # noqa: A001 - the family's word
    """See probes/__init__."""
    return Edges(targets, proc)


def add(sums: list[float], caller: Socket, callee: Socket | None) -> None:
    """One connection into connections, outstanding, unread and unsent bytes."""
    sums[0] += 1
    sums[1] += waiting(caller, callee)
    if callee is not None:
        sums[2] += callee.receive_queue
        sums[3] += callee.send_queue


def waiting(caller: Socket, callee: Socket | None) -> float:
    """1 where a request is outstanding: the caller sent after it last received.

    The kernel counts in milliseconds, and a caller that asks again at once does both in the same one. Then the delayed
    acknowledgement tells who spoke last; before it is due, a connection in such use is taken as waiting.
    """
    if caller.last_sent_ms != caller.last_received_ms:
        return 1.0 if 0 <= caller.last_sent_ms < caller.last_received_ms else 0.0
    if caller.last_sent_ms < DELAYED_ACK_MS:
        return 1.0 if caller.last_sent_ms >= 0 else 0.0
    if callee is not None and callee.last_ack_ms < callee.last_received_ms:
        return 0.0
    return 1.0 if caller.last_ack_ms < caller.last_received_ms else 0.0


def socket_inodes(folder: str) -> list[int]:
    """Inodes of a process's sockets; empty where they may not be read."""
    found: list[int] = []
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if link.startswith("socket:["):
            found.append(int(link[8:-1]))
    return found
