"""Who is behind a descriptor: another service, an address, a file."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

from loadlab.probes._sockets import CLOSE_WAIT, ESTABLISHED, LISTEN, Socket, everywhere
from loadlab.recording.model import FULL_PIPE, PIPE
from loadlab.services import Targets

HELD = 1 << ESTABLISHED | 1 << LISTEN | 1 << CLOSE_WAIT
"""States of sockets that a descriptor can stand for."""

CALLER = "caller"

KEPT_S = 1.0
"""How long an answer about a descriptor is believed: blocking clients keep a connection for many requests."""

MOST_KEPT = 5_000
"""Answers kept: descriptors are used again, inodes are not."""


class Peers:
    """`of(pid, fd)`: "db/0" for a service's port, "10.0.0.1:5432", "caller" at the other end of a connection that a
    service accepted, "listen", "file:/path", "pipe", or ""."""

    def __init__(self, targets: Targets, proc: Path = Path("/proc")) -> None:
        self._targets = targets
        self._proc = str(proc)
        self._sockets: dict[int, Socket] = {}
        self._ports: dict[int, str] = {}
        self._doors: set[int] = set()
        self._known: dict[tuple[int, int], tuple[float, str]] = {}
        self._no_datagrams: set[int] = set()
        """Inodes of Unix sockets and the like: the tables of UDP are not read for them again."""
        self._t = 0.0

    def refresh(self, t: float, sockets: list[Socket] | None = None) -> None:
        """Once a tick: the kernel's table of sockets, and which port is whose."""
        self._t = t
        targets = self._targets.now()
        found = everywhere(targets, t, HELD) if sockets is None else sockets
        self._sockets = {each.inode: each for each in found}
        self._doors = {each.port for each in found if each.state == LISTEN}
        self._ports = {port: f"{each.service}/{each.instance}" for each in targets for port in each.ports}
        for kept in (self._known, self._no_datagrams):
            if len(kept) > MOST_KEPT:
                kept.clear()

    def of(self, pid: int, fd: int) -> str:
        """See the class."""
        known = self._known.get((pid, fd))
        if known is not None and known[0] >= self._t - KEPT_S:
            return known[1]
        peer = self._ask(pid, fd)
        self._known[(pid, fd)] = (self._t, peer)
        return peer

    def _ask(self, pid: int, fd: int) -> str:
        try:
            link = os.readlink(f"{self._proc}/{pid}/fd/{fd}")
        except OSError:
            return ""
        if link.startswith("socket:["):
            inode = int(link[8:-1])
            socket = self._sockets.get(inode)
            return self.named(socket) if socket is not None else self._datagrams(pid, inode) or "socket"
        if link.startswith("pipe:"):
            return PIPE
        return f"file:{link}" if link.startswith("/") else ""

    def _datagrams(self, pid: int, inode: int) -> str:
        """The far end of a connected UDP socket, as a resolver's to its name server; "" of any other. Such sockets live
        for a question only: no table is kept of them."""
        if inode in self._no_datagrams:
            return ""
        for name in ("udp", "udp6"):
            try:
                table = Path(f"{self._proc}/{pid}/net/{name}").read_bytes()
            except OSError:
                continue
            found = far_end_of(table, inode)
            if found:
                return found
        self._no_datagrams.add(inode)
        return ""

    def named(self, socket: Socket | None) -> str:
        """A socket's far end. One that is in no table (a Unix socket, or newer than the table) is just a socket."""
        if socket is None:
            return "socket"
        if socket.state == LISTEN:
            return "listen"
        if socket.port in self._ports or socket.port in self._doors:
            return CALLER
        return self._ports.get(socket.peer_port, f"{socket.peer}:{socket.peer_port}")


def is_socket(peer: str) -> bool:
    """Whether what `_peers` says of a descriptor is a socket's far end."""
    return bool(peer) and not peer.startswith("file:") and peer not in (PIPE, FULL_PIPE)


def far_end_of(table: bytes, inode: int) -> str:
    """ "10.0.0.2:53" of a socket in /proc/net/udp (proc_net(5)) or udp6; "" where it is not there, or has none."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 9 and columns[9] == str(inode).encode():
            address, _, port = columns[2].decode().partition(":")
            # The kernel prints words of four bytes, each as this machine reads it.
            words = (bytes.fromhex(address[i : i + 8]) for i in range(0, len(address), 8))
            raw = b"".join(each[::-1] if sys.byteorder == "little" else each for each in words)
            return f"{ipaddress.ip_address(raw)}:{int(port, 16)}" if int(port, 16) else ""
    return ""
