"""Samples what every thread is doing, from outside, about a hundred times a second: one engine for threads, waits and
locks on files.

/proc/PID/task/TID/syscall says in one read whether a thread runs ("running") or in which system call it is stopped, and
with which arguments; a descriptor among them leads to a socket or a file, and so to whom it waits for. Where that file
may not be read (ptrace rules), wchan and the state letter give the state without the peer.
"""

from __future__ import annotations

import os
import random
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadlab.clock import SYSTEM, Clock, cpu_s
from loadlab.probes._locktable import LOOK_S, Held, LockTable
from loadlab.probes._peers import Peers, is_socket
from loadlab.probes._tree import Member, Tree, read
from loadlab.recording.model import FULL_PIPE, PIPE

BUDGET = 0.012
"""CPU seconds per second the engine may use: just over one per cent of a core, printed as the observer's cost."""

FASTEST_S = 0.01
"""Mean pause between rounds: a hundred samples a second of each thread give a share to within 3% in ten seconds."""

OWN_SOCKETS = 2
"""Unix sockets in an epoll that nobody else is behind: asyncio's, uWSGI's for signals."""

MOST = 64
"""Threads looked at in a round; of more, a rotating part."""

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
STATES = (
    "running",
    "idle_epoll",
    "idle_accept",
    "futex",
    "sleep",
    "socket_wait",
    "file_io",
    "lock_file",
    "wait_child",
    "other",
)
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


@dataclass
class ThreadCount:
    """What one thread was seen doing so far."""

    member: Member
    tid: int
    name: str
    descriptor: int
    samples: int = 0
    states: Counter[str] = field(default_factory=Counter)
    peers: Counter[str] = field(default_factory=Counter)
    loop: int = -1
    """The descriptor of the epoll that its event loop waits in; -1 where it was never seen in one."""
    watches: int | None = None
    """Connections that this epoll watched when it was first seen to watch any, whatever the thread did then; 0: it
    never was; None: not known."""


@dataclass(frozen=True, slots=True)
class Doing:
    """One look at a thread."""

    state: str
    peer: str = ""
    epoll: int = -1
    """The descriptor, where it waits in one."""


class Engine:
    """Samples in a thread of its own from `start` to `stop`; `threads` is what it counted."""

    def __init__(self, tree: Tree, peers: Peers, proc: Path = Path("/proc"), clock: Clock = SYSTEM) -> None:
        self._tree = tree
        self._peers = peers
        self._proc = str(proc)
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: dict[tuple[int, int], ThreadCount] = {}
        self._locks = LockTable(self._proc)
        self._look_at = 0.0
        self._turn = 0
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._thread = threading.Thread(target=self._loop, name="thread-states", daemon=True)
        self.cost_s = 0.0

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """End it and give every descriptor back."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        with self._lock:
            for each in self._threads.values():
                close(each.descriptor)
            self._threads.clear()

    def threads(self) -> list[ThreadCount]:
        """A copy of the counts so far."""
        with self._lock:
            return [
                replace(each, descriptor=-1, states=Counter(each.states), peers=Counter(each.peers))
                for each in self._threads.values()
            ]

    def locks(self) -> tuple[int, dict[tuple[int, str], Held], dict[int, Member]]:
        """Looks at the kernel's locks on files, what they found by (pid, path), and whose processes these are."""
        with self._lock:
            members = {each.member.pid: each.member for each in self._threads.values()}
            return self._locks.looks, {key: replace(each) for key, each in self._locks.files.items()}, members

    def refresh(self, t: float) -> None:
        """Find threads that came and went; called once a tick, not once a sample."""
        found: dict[tuple[int, int], Member] = {}
        for member in self._tree.members(t):
            if member.target.service != "loadlab":
                for tid in tids(f"{self._proc}/{member.pid}/task"):
                    found[(member.pid, tid)] = member
        with self._lock:
            for key in [each for each in self._threads if each not in found]:
                close(self._threads.pop(key).descriptor)
            for key, member in found.items():
                if key not in self._threads:
                    self._add(member, key[1])
            for each in self._threads.values():
                if each.loop >= 0 and not each.watches:
                    each.watches = self._watched(each)

    def _add(self, member: Member, tid: int) -> None:
        folder = f"{self._proc}/{member.pid}/task/{tid}"
        try:
            descriptor = os.open(f"{folder}/syscall", os.O_RDONLY)
            os.pread(descriptor, 1, 0)
        except OSError:
            descriptor = -1
        name = read(f"{folder}/comm", 64).decode("utf-8", "replace").strip()
        self._threads[(member.pid, tid)] = ThreadCount(member, tid, name, descriptor)

    def _watched(self, thread: ThreadCount) -> int | None:
        found = watched(read(f"{self._proc}/{thread.member.pid}/fdinfo/{thread.loop}", 1 << 16))
        if not found:
            return thread.watches
        peers = [self._peers.of(thread.member.pid, each) for each in found[:MOST]]
        return connections(peers)

    def _loop(self) -> None:
        pause = FASTEST_S
        while not self._stop.wait(self._random.uniform(0.4, 1.6) * pause):
            before, began = cpu_s(), self._clock.monotonic()
            self.round()
            spent = cpu_s() - before
            self.cost_s += spent
            # As long a pause as keeps the cost within the budget; never shorter than FASTEST_S.
            wanted = max(FASTEST_S, spent / BUDGET - (self._clock.monotonic() - began))
            pause += 0.1 * (wanted - pause)

    def round(self) -> None:
        """One look at every thread, or at the next MOST of them."""
        with self._lock:
            everyone = list(self._threads.values())
            self._look_at_locks()
            if len(everyone) > MOST:
                start = self._turn % len(everyone)
                self._turn += MOST
                everyone = (everyone + everyone)[start : start + MOST]
            for each in everyone:
                doing = self._look(each)
                if doing is not None:
                    each.samples += 1
                    each.states[doing.state] += 1
                    if doing.peer and (doing.peer in each.peers or len(each.peers) < 50):
                        each.peers[doing.peer] += 1

    def _look_at_locks(self) -> None:
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._locks.look(pid for pid, _ in self._threads)

    def _look(self, thread: ThreadCount) -> Doing | None:
        pid = thread.member.pid
        if thread.descriptor >= 0:
            try:
                raw = os.pread(thread.descriptor, 256, 0)
            except OSError:
                return None
            doing = parse(raw, lambda fd: self._peers.of(pid, fd), lambda at, size: memory(self._proc, pid, at, size))
            return inner_loop(thread, doing, self._proc) if doing is not None and doing.epoll >= 0 else doing
        folder = f"{self._proc}/{pid}/task/{thread.tid}"
        stat = read(f"{folder}/stat", 512)
        state = stat[stat.rfind(b")") + 2 : stat.rfind(b")") + 3]
        return coarse(state, read(f"{folder}/wchan", 64).decode("ascii", "replace")) if state else None


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


def inner_loop(thread: ThreadCount, doing: Doing, proc: str) -> Doing:
    """Who waits in another epoll than its loop's while a child of it runs waits for the child, and its loop stands
    still: Node's execFileSync, and all that is built on it, runs a small loop of its own inside the call."""
    folder = f"{proc}/{thread.member.pid}"
    if thread.loop == doing.epoll:
        return doing
    if thread.loop < 0 or not _is_epoll(f"{folder}/fd/{thread.loop}"):
        thread.loop = doing.epoll
        return doing
    return Doing("wait_child") if read(f"{folder}/task/{thread.tid}/children", 16).strip() else doing


def watched(fdinfo: bytes) -> list[int]:
    """The descriptors that an epoll watches, by its file in fdinfo (proc_pid_fdinfo(5))."""
    return [int(each.split()[1]) for each in fdinfo.splitlines() if each.startswith(b"tfd:")]


def connections(peers: list[str]) -> int:
    """How many of them are connections: all with a far end, and Unix sockets beyond the pair by which a loop wakes
    itself and another for signals."""
    known = sum(is_socket(each) and each not in ("listen", "socket") for each in peers)
    return known + max(0, peers.count("socket") - OWN_SOCKETS)


def _is_epoll(link: str) -> bool:
    try:
        return os.readlink(link) == "anon_inode:[eventpoll]"
    except OSError:
        return False


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


def tids(folder: str) -> list[int]:
    """Thread ids of a process; empty where it is gone."""
    try:
        return [int(each) for each in os.listdir(folder)]
    except OSError:
        return []


def close(descriptor: int) -> None:
    """Give a descriptor back, if it is one."""
    if descriptor >= 0:
        os.close(descriptor)
