"""Samples what every thread is doing, from outside, about a hundred times a second: one engine for threads, waits and
locks on files.

What one look says is read in _syscalls. Threads that come and go are counted together, in _passing.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path

from loadlab.clock import SYSTEM, Clock, cpu_s
from loadlab.probes._locktable import Held, LockTable, LockWatch
from loadlab.probes._passing import NAME, PEERS, Passing
from loadlab.probes._peers import Peers, is_socket
from loadlab.probes._proc_text import parse_schedstat
from loadlab.probes._syscalls import Doing, coarse, memory, parse
from loadlab.probes._tree import Member, Tree, read

BUDGET = 0.012
"""CPU seconds per second the engine may use: just over one per cent of a core, printed as the observer's cost."""

FASTEST_S = 0.01
"""Mean pause between rounds: a hundred samples a second of each thread give a share to within 3% in ten seconds."""

OWN_SOCKETS = 2
"""Unix sockets in an epoll that nobody else is behind: asyncio's, uWSGI's for signals."""

MOST = 64
"""Threads looked at in a round; of more, those that take requests and a rotating part of the others."""

RARELY = 10
"""Rounds for each look at a thread that did not run in the last tick. One that never runs in a tick was in the same
call all the time, and the other looks would have found it there: they are counted, not made, and the budget is for
those that run. Of a server with a pool of two hundred threads, or of Java's own, most do not."""

ALIKE = frozenset({"running", "futex", "idle_epoll", "wait_child"})
"""States that the text of one look tells alone, without who is behind a descriptor: the same text is not read again."""


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
    looks: int | None = None
    """Of one that stands for all that come and go in its process: how often these were counted; alive: how many were
    there, summed over that."""
    alive: int | None = None
    times: tuple[float, float, int] | None = None
    """Seconds on CPU, ready but not running, and how often it was put on a CPU, at the last tick."""
    still: bool = False
    """Whether it did not run between the last two ticks; doing: what it was seen in since it last ran; settled: its
    samples at the last tick."""
    doing: Doing | None = None
    settled: int = 0
    seen: list[Doing] = field(default_factory=list)
    """What the rare looks found since the last tick."""
    raw: bytes = b""
    """What the last look read, where that says it all; parsed: what it says."""
    parsed: Doing | None = None

    @property
    def takes(self) -> bool:
        """Whether it was ever seen waiting for requests."""
        return bool(self.states["idle_epoll"] or self.states["idle_accept"])

    def count(self, doing: Doing, looks: int = 1) -> None:
        """So many looks found it doing this."""
        self.samples += looks
        self.states[doing.state] += looks
        if doing.peer and (doing.peer in self.peers or len(self.peers) < PEERS):
            self.peers[doing.peer] += looks

    def settle(self, times: tuple[float, float, int] | None, looks: int) -> None:
        """At a tick, in which those that run had so many looks: the ones that were not made at one that did not run.
        Where it ran after all, the rare looks stand for them, or a moment of work counted a tenth of one of rest."""
        before, self.times = self.times, times
        rare, self.still = self.still, before is not None and times is not None and _same(before, times)
        missed = max(0, looks - (self.samples - self.settled))
        if self.still and self.doing is not None:
            self.count(self.doing, missed)
        elif rare and self.seen:
            for each in islice(cycle(self.seen), missed):
                self.count(each)
        if not self.still:
            self.doing = None
        self.seen.clear()
        self.settled = self.samples


def _same(before: tuple[float, float, int], now: tuple[float, float, int]) -> bool:
    """No time on a CPU and not put on one; a kernel that counts neither says nothing."""
    return now[2] > 0 and before[::2] == now[::2]


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
        self._passing = Passing(lambda pid: tids(f"{self._proc}/{pid}/task"))
        self._locks = LockWatch(LockTable(self._proc), self._pids)
        self._turn = 0
        self._rounds = 0
        self._looks = 0.0
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._thread = threading.Thread(target=self._loop, name="thread-states", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()
        self._locks.start()

    def stop(self) -> None:
        """End it and give every descriptor back."""
        self._stop.set()
        self._locks.stop()
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
                for each in (*self._threads.values(), *self._together())
            ]

    def _together(self) -> list[ThreadCount]:
        """One for the threads that come and go in a process."""
        return [
            ThreadCount(
                each.member,
                0,
                NAME,
                -1,
                each.samples,
                each.states,
                each.peers,
                looks=each.looks,
                alive=each.alive,
            )
            for each in self._passing.crowds.values()
        ]

    def locks(self) -> tuple[int, dict[tuple[int, str], Held], dict[int, Member]]:
        """Looks at the kernel's locks on files, what they found by (pid, path), and whose processes these are."""
        with self._lock:
            members = {each.member.pid: each.member for each in self._threads.values()}
        return *self._locks.counts(), members

    def _pids(self) -> set[int]:
        with self._lock:
            return {pid for pid, _ in self._threads}

    def refresh(self, t: float) -> None:
        """Find threads that came and went; called once a tick, not once a sample."""
        found: dict[tuple[int, int], Member] = {}
        for member in self._tree.members(t):
            if member.target.service != "loadlab":
                for tid in tids(f"{self._proc}/{member.pid}/task"):
                    found[(member.pid, tid)] = member
        with self._lock:
            alone = self._passing.refresh(found)
            for key in [each for each in self._threads if each not in found]:
                close(self._threads.pop(key).descriptor)
            for key, member in found.items():
                if key not in self._threads and key in alone:
                    self._threads[key] = self._opened(member, key[1])
            for each in self._threads.values():
                if each.loop >= 0 and not each.watches:
                    each.watches = self._watched(each)

    def settle(self) -> None:
        """Add the looks that were not made at threads that did not run since the last time; called once a tick, right
        before they are read."""
        with self._lock:
            for each in self._threads.values():
                folder = f"{self._proc}/{each.member.pid}/task/{each.tid}"
                each.settle(parse_schedstat(read(f"{folder}/schedstat")), round(self._looks))
            self._rounds, self._looks = 0, 0.0

    def _opened(self, member: Member, tid: int) -> ThreadCount:
        folder = f"{self._proc}/{member.pid}/task/{tid}"
        try:
            descriptor = os.open(f"{folder}/syscall", os.O_RDONLY)
            os.pread(descriptor, 1, 0)
        except OSError:
            descriptor = -1
        name = read(f"{folder}/comm", 64).decode("utf-8", "replace").strip()
        return ThreadCount(member, tid, name, descriptor)

    def _glance(self, member: Member, tid: int) -> Doing | None:
        """At a thread that is not followed."""
        thread = self._opened(member, tid)
        try:
            return self._look(thread)
        finally:
            close(thread.descriptor)

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
            # As long a pause as keeps the cost within the budget; never shorter than FASTEST_S.
            wanted = max(FASTEST_S, spent / BUDGET - (self._clock.monotonic() - began))
            pause += 0.1 * (wanted - pause)

    def round(self) -> None:
        """One look at every thread, or at MOST of them."""
        with self._lock:
            rare = self._rounds % RARELY == 0
            self._rounds += 1
            everyone = [each for each in self._threads.values() if rare or not each.still]
            self._looks += min(1.0, MOST / max(1, len(everyone)))
            self._passing.round(self._threads, self._glance)
            if len(everyone) > MOST:
                everyone = self._some(everyone)
            for each in everyone:
                doing = self._look(each)
                if doing is not None:
                    each.doing = doing
                    each.count(doing)
                    if each.still:
                        each.seen.append(doing)

    def _some(self, everyone: list[ThreadCount]) -> list[ThreadCount]:
        """Those that take requests, where they are few: what is told of a process stands on them. Of the others as many
        as there is room for, in turn."""
        first = [each for each in everyone if each.takes]
        if len(first) > MOST // 4:
            first = []
        others = [each for each in everyone if not (first and each.takes)]
        start, room = self._turn % len(others), MOST - len(first)
        self._turn += room
        return first + (others + others)[start : start + room]

    def _look(self, thread: ThreadCount) -> Doing | None:
        pid = thread.member.pid
        if thread.descriptor >= 0:
            try:
                raw = os.pread(thread.descriptor, 256, 0)
            except OSError:
                return None
            doing = thread.parsed if raw == thread.raw else self._parsed(thread, raw)
            return inner_loop(thread, doing, self._proc) if doing is not None and doing.epoll >= 0 else doing
        folder = f"{self._proc}/{pid}/task/{thread.tid}"
        stat = read(f"{folder}/stat", 512)
        state = stat[stat.rfind(b")") + 2 : stat.rfind(b")") + 3]
        return coarse(state, read(f"{folder}/wchan", 64).decode("ascii", "replace")) if state else None

    def _parsed(self, thread: ThreadCount, raw: bytes) -> Doing | None:
        pid = thread.member.pid
        doing = parse(raw, lambda fd: self._peers.of(pid, fd), lambda at, size: memory(self._proc, pid, at, size))
        if doing is not None and doing.state in ALIKE:
            thread.raw, thread.parsed = raw, doing
        return doing


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
