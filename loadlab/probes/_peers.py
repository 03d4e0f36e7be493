"""Who is behind a descriptor: another service, an address, a file."""

from __future__ import annotations

import os
from pathlib import Path

from loadlab.probes._sockets import CLOSE_WAIT, ESTABLISHED, LISTEN, Socket, everywhere
from loadlab.services import Targets

HELD = 1 << ESTABLISHED | 1 << LISTEN | 1 << CLOSE_WAIT
"""States of sockets that a descriptor can stand for."""

CALLER = "caller"

KEPT_S = 1.0
"""How long an answer about a descriptor is believed: blocking clients keep a connection for many requests."""


class Peers:
    """`of(pid, fd)`: "db/0" for a service's port, "10.0.0.1:5432", "caller" at the other end of a connection that a
    service accepted, "listen", "file:/path", "pipe", or ""."""

    def __init__(self, targets: Targets, proc: Path = Path("/proc")) -> None:
        self._targets = targets
        self._proc = str(proc)
        self._sockets: dict[int, Socket] = {}
        self._ports: dict[int, str] = {}
        self._known: dict[tuple[int, int], tuple[float, str]] = {}
        self._t = 0.0

    def refresh(self, t: float, sockets: list[Socket] | None = None) -> None:
        """Once a tick: the kernel's table of sockets, and which port is whose."""
        self._t = t
        targets = self._targets.now()
        found = everywhere(targets, t, HELD) if sockets is None else sockets
        self._sockets = {each.inode: each for each in found}
        self._ports = {port: f"{each.service}/{each.instance}" for each in targets for port in each.ports}
        if len(self._known) > 5_000:
            self._known.clear()

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
            return self.named(self._sockets.get(int(link[8:-1])))
        if link.startswith("pipe:"):
            return "pipe"
        return f"file:{link}" if link.startswith("/") else ""

    def named(self, socket: Socket | None) -> str:
        """A socket's far end. One that is in no table (a Unix socket, or newer than the table) is just a socket."""
        if socket is None:
            return "socket"
        if socket.state == LISTEN:
            return "listen"
        if socket.port in self._ports:
            return CALLER
        return self._ports.get(socket.peer_port, f"{socket.peer}:{socket.peer_port}")
