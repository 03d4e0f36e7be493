"""What one look at a thread says: the system call it is stopped in, with whom, or that it runs.

/proc/PID/task/TID/syscall gives the call's number and arguments; a descriptor among them leads to a socket or a file.
Where that file may not be read (ptrace rules), wchan and the state letter give the state without the peer.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from loadlab.probes._peers import is_socket
from loadlab.recording.model import FULL_PIPE, PIPE

# System calls of x86-64 and of the generic table (aarch64), by what a thread in them does.
X86 = {
    "epoll": (232, 281, 441, 426),
    "accept": (43, 288),
    "poll": (7, 271),
    "select": (23, 270),
    "futex": (202, 449),
    "sleep": (35, 230),
    "socket": (45, 47, 299, 44, 46, 42),
    "read": (0, 1, 17, 18, 19, 20),
    "file": (2, 257, 74, 75, 76, 277, 4, 5, 6, 262, 82, 87, 263, 217, 78, 332),
    "flock": (73,),
    "fcntl": (72,),
    "wait": (61, 247),
}
GENERIC = {
    "epoll": (22, 441, 426),
    "accept": (202, 242),
    "poll": (73,),
    "select": (72,),
    "futex": (98, 449),
    "sleep": (101, 115),
    "socket": (207, 212, 243, 206, 211, 203),
    "read": (63, 64, 65, 66, 67, 68),
    "file": (56, 82, 83, 79, 80, 35, 61, 291),
    "flock": (32,),
    "fcntl": (25,),
    "wait": (260, 95),
}
WRITES = (1, 18, 20) if os.uname().machine == "x86_64" else (64, 66, 68)
"""Of the calls "read", those that write."""

RELATIVE = (35,) if os.uname().machine == "x86_64" else (101,)
"""nanosleep, which knows no other."""

NAP = "a nap"
"""A sleep of so long, not until a moment: C's usleep and sleep, which SQLite waits with; not Python's, from 3.11 on."""

CALLS = {n: name for name, numbers in (X86 if os.uname().machine == "x86_64" else GENERIC).items() for n in numbers}
WCHAN = (
    ("ep_poll", "idle_epoll"),
    ("inet_csk_accept", "idle_accept"),
    ("inet_csk_wait_for_connect", "idle_accept"),
    ("futex", "futex"),
    ("nanosleep", "sleep"),
    ("sk_wait", "socket_wait"),
    ("wait_for_more", "socket_wait"),
    ("unix_stream", "socket_wait"),
    ("poll_schedule", "socket_wait"),
    ("pipe", "file_io"),
    ("flock", "lock_file"),
    ("lock", "lock_file"),
    ("do_wait", "wait_child"),
    ("io_schedule", "file_io"),
    ("jbd2", "file_io"),
)


@dataclass(frozen=True, slots=True)
class Doing:
    """One look at a thread."""

    state: str
    peer: str = ""
    epoll: int = -1
    """The descriptor, where it waits in one."""


def parse(raw: bytes, peer_of: Callable[[int], str], memory_of: Callable[[int, int], bytes]) -> Doing | None:
    """What a `syscall` file says. peer_of: who is behind a descriptor ("listen" for a listening socket, "" unknown);
    memory_of: bytes of the process at an address. None where the thread is gone."""
    parts = raw.split()
    if not parts:
        return None
    if parts[0] == b"running":
        return Doing("running")
    number = int(parts[0])
    call = CALLS.get(number, "")
    arguments = [int(each, 16) for each in parts[1:7]]
    if call == "epoll":
        return Doing("idle_epoll", epoll=arguments[0])
    if call == "accept":
        return Doing("idle_accept")
    if call in ("futex", "sleep"):
        return Doing(call, NAP if number in RELATIVE or (call == "sleep" and arguments[1] == 0) else "")
    if call == "wait":
        return Doing("wait_child")
    if call in ("poll", "select"):
        return _waiting(polled(call, arguments, memory_of), peer_of)
    if call in ("socket", "read", "file", "flock", "fcntl"):
        doing = _at(call, arguments, peer_of)
        return replace(doing, peer=FULL_PIPE) if number in WRITES and doing.peer == PIPE else doing
    # -1: stopped outside any call, by a page fault or a signal.
    return Doing("file_io") if number == -1 else Doing("other")


def _at(call: str, arguments: list[int], peer_of: Callable[[int], str]) -> Doing:
    peer = peer_of(arguments[0]) if arguments and arguments[0] < 1 << 20 else ""
    if call == "flock":
        return Doing("lock_file", peer)
    if call == "fcntl":
        # F_SETLKW and F_OFD_SETLKW wait for a lock; the other commands do not wait.
        return Doing("lock_file" if arguments[1] in (7, 38) else "other", peer)
    if call == "socket" or is_socket(peer):
        return Doing("socket_wait", peer)
    return Doing("file_io", peer)


def _waiting(descriptors: list[int] | None, peer_of: Callable[[int], str]) -> Doing:
    """poll and select: idle on listeners, asleep on nothing, else waiting for whom it asks."""
    if descriptors is None:
        return Doing("other")
    if not descriptors:
        return Doing("sleep")
    peers = [peer_of(each) for each in descriptors]
    if "listen" in peers:
        return Doing("idle_accept")
    sockets = [each for each in peers if is_socket(each)]
    return Doing("socket_wait", sockets[0]) if sockets else Doing("other", peers[0])


def polled(call: str, arguments: list[int], memory_of: Callable[[int, int], bytes]) -> list[int] | None:
    """The descriptors poll or select waits for; None where the process's memory cannot be read."""
    if call == "poll":
        count = min(arguments[1], 256)
        raw = memory_of(arguments[0], 8 * count) if count else b""
        return [fd for fd, _, _ in struct.iter_unpack("=ihh", raw)] if len(raw) == 8 * count else None
    size = (min(arguments[0], 1024) + 63) // 64 * 8
    found: list[int] = []
    for address in arguments[1:3]:
        raw = memory_of(address, size) if address and size else b""
        if address and len(raw) != size:
            return None
        found += [8 * i + bit for i, byte in enumerate(raw) for bit in range(8) if byte >> bit & 1]
    return found


def coarse(state: bytes, wchan: str) -> Doing:
    """Where `syscall` may not be read: from the state letter and the kernel function it sleeps in."""
    if state == b"R":
        return Doing("running")
    if state == b"D":
        return Doing("file_io")
    return Doing(next((name for part, name in WCHAN if part in wchan), "other"))


def memory(proc: str, pid: int, address: int, size: int) -> bytes:
    """Bytes of another process; b"" where that is not permitted."""
    try:
        descriptor = os.open(f"{proc}/{pid}/mem", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, size, address)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(descriptor)
