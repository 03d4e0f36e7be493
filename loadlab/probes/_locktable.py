"""Who holds and who waits for a lock on a file, as /proc/locks says: flock, fcntl (POSIX) and SQLite, which is fcntl on
bytes of its own choice.

A lock that is asked for with fcntl's F_OFD_ commands has no process in that table: its waiters are known as threads
only, its holder is not.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from loadlab.probes._tree import read

LOOK_S = 0.04
"""Mean pause between two looks: some 20 a second tell a share to within 4 points in ten seconds. A look costs 0.2 ms of
CPU where the table has few lines, and takes as long as an RCU grace period (10 to 20 ms were measured), for which the
kernel stops changes to the table (percpu_down_write of file_rwsem in fs/locks.c). Those who lock files do not notice:
of half a million locks a second none took 5 ms."""

MOST_FILES = 50
"""Files of one process that are told apart: locks on a file for each request are on no file that anybody waits for."""

SQLITE = range(0x40000000, 0x40000000 + 512)
"""Bytes of a database that SQLite locks (PENDING, RESERVED, 510 for SHARED): https://sqlite.org/fileformat2.html,
section 1.1; os.h in its source."""

WAL_INDEX = "-shm"
"""What the index of a write-ahead log is called; SQLite locks its bytes 120 to 128, the first of them to write:
https://sqlite.org/walformat.html, section 2.3."""

WAL_WRITE = 120


@dataclass(frozen=True, slots=True)
class Lock:
    """A line of /proc/locks. file: (device as "fe:00", inode); start: first byte."""

    waits: bool
    writes: bool
    pid: int
    file: tuple[str, int]
    start: int


@dataclass
class Held:
    """Looks that found one process holding a lock on one file for writing, come by it anew, or waiting for one (once
    for each thread that waits). sqlite: whether it lay at SQLite's bytes, where others ask again and again."""

    held: int = 0
    taken: int = 0
    waited: int = 0
    sqlite: bool = False
    last: int = -1
    """The last look that found it held."""

    def note(self, look: int, *, sqlite: bool) -> None:
        """Found held at this look."""
        self.held += 1
        self.taken += self.last != look - 1
        self.sqlite = self.sqlite or sqlite
        self.last = look


@dataclass
class LockTable:
    """Counts of the processes that are looked at, by (pid, path)."""

    proc: str = "/proc"
    looks: int = 0
    files: dict[tuple[int, str], Held] = field(default_factory=dict)
    _paths: dict[tuple[int, str, int], str] = field(default_factory=dict)

    def text(self) -> str:
        """The kernel's table."""
        return read(f"{self.proc}/locks", 1 << 18).decode("ascii", "replace")

    def look(self, pids: Iterable[int], text: str) -> None:
        """Counts what one look at the table says of these processes."""
        self.looks += 1
        mine = set(pids)
        seen = set()
        for lock in parse(text):
            path = self._path(lock) if lock.pid in mine else ""
            if not path or not (lock.waits or lock.writes):
                continue
            sqlite = lock.start in SQLITE
            if path.endswith(WAL_INDEX):
                if lock.start != WAL_WRITE:
                    continue
                path, sqlite = path.removesuffix(WAL_INDEX), True
            key = (lock.pid, path)
            if lock.waits:
                self._of(key).waited += 1
            elif key not in seen:
                seen.add(key)
                self._of(key).note(self.looks, sqlite=sqlite)

    def _of(self, key: tuple[int, str]) -> Held:
        return self.files.setdefault(key, Held())

    def _path(self, lock: Lock) -> str:
        key = (lock.pid, *lock.file)
        if key not in self._paths:
            if sum(pid == lock.pid for pid, *_ in self._paths) >= MOST_FILES:
                return ""
            self._paths[key] = path_of(self.proc, lock)
        return self._paths[key]


class LockWatch:
    """Looks again and again, in a thread of its own: a look waits for the kernel too long to be made between others."""

    def __init__(self, table: LockTable, pids: Callable[[], Iterable[int]]) -> None:
        self._table = table
        self._pids = pids
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._thread = threading.Thread(target=self._loop, name="file-locks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def counts(self) -> tuple[int, dict[tuple[int, str], Held]]:
        """Looks so far, and a copy of what they found by (pid, path)."""
        with self._lock:
            return self._table.looks, {key: replace(each) for key, each in self._table.files.items()}

    def _loop(self) -> None:
        # Regular looks would miss, or see nothing but, what is as regular.
        while not self._stop.wait(LOOK_S * self._random.uniform(0.5, 1.5)):
            text = self._table.text()
            pids = self._pids()
            with self._lock:
                self._table.look(pids, text)


def path_of(proc: str, lock: Lock) -> str:
    """The file's path, by the process's open descriptors; "" where none is it. Some filesystems (overlayfs, btrfs) tell
    stat another device than the lock table: then the inode decides."""
    folder = f"{proc}/{lock.pid}/fd"
    alike = ""
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    for name in names:
        try:
            about, link = os.stat(f"{folder}/{name}"), os.readlink(f"{folder}/{name}")  # noqa: PTH116 - of thousands
        except OSError:
            continue
        if about.st_ino == lock.file[1] and link.startswith("/"):
            if f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}" == lock.file[0]:
                return link
            alike = link
    return alike


def parse(text: str) -> Iterator[Lock]:
    """Lines of /proc/locks; a waiter's has "->" after its number. Leases and what is not understood are left out."""
    for line in text.splitlines():
        words = line.split()[1:]
        waits = bool(words) and words[0] == "->"
        words = words[waits:]
        if len(words) < 7 or words[0] not in ("FLOCK", "POSIX", "OFDLCK"):
            continue
        device, _, inode = words[4].rpartition(":")
        if inode.isdigit() and words[5].isdigit() and words[3].lstrip("-").isdigit():
            yield Lock(waits, words[2] == "WRITE", int(words[3]), (device, int(inode)), int(words[5]))
