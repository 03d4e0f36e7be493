"""Who listens on a port, and what a process listens on: from /proc/net/tcp and the descriptors of each process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from loadlab.errors import ServiceError
from loadlab.services import Found, _guard

PROC = Path("/proc")
LISTEN = "0A"
SOCKET = "socket:["
SHORT = 100
"""Characters of a command line that fit into a message."""


@dataclass(frozen=True)
class Listener:
    """A socket that accepts connections."""

    address: str
    port: int
    uid: int
    inode: int


def parse(text: str) -> list[Listener]:
    """The listening sockets of /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            address, _, port = fields[1].partition(":")
            found.append(Listener(_address(address), int(port, 16), int(fields[7]), int(fields[9])))
    return found


def listeners(proc: Path = PROC) -> list[Listener]:
    """All listening sockets of this network namespace."""
    return [each for name in ("tcp", "tcp6") for each in parse(_text(proc / "net" / name))]


def holders(inodes: Iterable[int], proc: Path = PROC) -> dict[int, set[int]]:
    """Process -> those of the sockets that it has open. Processes of other users stay unseen."""
    wanted = set(inodes)
    found: dict[int, set[int]] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            mine = wanted & set(sockets(int(name), proc))
            if mine:
                found[int(name)] = mine
    return found


def sockets(pid: int, proc: Path = PROC) -> Iterator[int]:
    """The inodes of a process's sockets."""
    folder = f"{proc}/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if link.startswith(SOCKET):
            yield int(link[len(SOCKET) : -1])


def tops(pids: Iterable[int], processes: Mapping[int, _guard.Process]) -> tuple[int, ...]:
    """Those of the processes that descend from none of the others: of a master and its workers, the master."""
    mine = set(pids)
    return tuple(sorted(pid for pid in mine if not mine & set(_ancestors(pid, processes))))


def by_port(port: int, proc: Path = PROC) -> Found:
    """The roots of the process trees that listen on a port. Raises ServiceError: nobody does, or it is not told who."""
    there = [each for each in listeners(proc) if each.port == port]
    if not there:
        others = sorted({each.port for each in listeners(proc)})
        listed = f"; ports with a listener: {', '.join(map(str, others[:12]))}" if others else ""
        raise ServiceError(f"nobody listens on port {port}{listed}. Start the service first, or let loadlab start it")
    roots = tops(holders((each.inode for each in there), proc), _guard.table(str(proc)))
    if not roots:
        raise ServiceError(
            f"port {port} is listened on by a process of another user (uid {there[0].uid}), which cannot be watched; "
            f"run loadlab as that user or as root, or load it without watching: --url http://127.0.0.1:{port}"
        )
    return Found(roots, _reachable(there), (port,))


def by_pid(pid: int, proc: Path = PROC) -> Found:
    """A process and the ports its tree listens on. Raises ServiceError: there is none, or it may not be watched."""
    process = _guard.look(pid, str(proc))
    if process is None or not process.alive:
        raise ServiceError(f"there is no process {pid}; see `ps -e`, or attach by port")
    if not os.access(f"{proc}/{pid}/fd", os.R_OK):
        raise ServiceError(
            f"process {pid} ({named(pid, proc)}) belongs to another user; run loadlab as that user or as root"
        )
    mine = listening(tree(pid, proc), proc)
    return Found((pid,), _reachable(mine) if mine else "127.0.0.1", tuple(dict.fromkeys(each.port for each in mine)))


def by_url(url: str) -> Found:
    """Only an address: something to load, nothing to watch."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Found((), parts.hostname or "127.0.0.1", (port,), parts.scheme)


def tree(root: int, proc: Path = PROC) -> list[int]:
    """A process and all that descend from it."""
    process = _guard.look(root, str(proc))
    if process is None:
        return []
    return [each.pid for each in _guard.family((), {process.key}, str(proc))]


def listening(pids: Iterable[int], proc: Path = PROC) -> list[Listener]:
    """What these processes listen on, by port."""
    mine = {inode for pid in pids for inode in sockets(pid, proc)}
    return sorted((each for each in listeners(proc) if each.inode in mine), key=lambda each: each.port)


def occupant(port: int, proc: Path = PROC) -> str:
    """Who sits on a port, for a message: `pid 4711, python -m http.server 8000`; "" where it is not told."""
    try:
        pids = by_port(port, proc).pids
    except ServiceError:
        return ""
    return "; ".join(f"pid {pid}, {named(pid, proc)}" for pid in pids)


def named(pid: int, proc: Path = PROC) -> str:
    """A process's command line, cut to what fits into a message."""
    raw = _guard.content(f"{proc}/{pid}/cmdline")
    text = raw.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    if not text:
        text = _text(proc / str(pid) / "comm").strip()
    return text if len(text) <= SHORT else text[: SHORT - 3] + "..."


def _ancestors(pid: int, processes: Mapping[int, _guard.Process]) -> Iterator[int]:
    here = processes.get(pid)
    seen: set[int] = {pid}
    while here is not None and here.parent not in seen:
        seen.add(here.parent)
        yield here.parent
        here = processes.get(here.parent)


def _reachable(there: list[Listener]) -> str:
    """The address to connect to: of a server that listens everywhere, loopback."""
    addresses = {each.address for each in there}
    if addresses & {"0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if "::" in addresses:
        return "127.0.0.1"
    return min(addresses)


def _address(raw: str) -> str:
    """`0100007F` -> 127.0.0.1: words of four bytes in the machine's order."""
    words = bytes.fromhex(raw)
    data = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    return socket.inet_ntop(socket.AF_INET6 if len(data) == 16 else socket.AF_INET, data)


def _text(path: Path) -> str:
    return _guard.content(str(path)).decode("utf-8", "replace")
