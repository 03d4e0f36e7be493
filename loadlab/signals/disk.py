"""Threads that wait for a disk: stopped in a read, a write, a sync of a file or a page fault. What lies in the page
cache stops nobody. And the kernel's own account of it: pressure stall information, iowait.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import FULL_PIPE, PIPE, Recording
from loadlab.signals import host, threads
from loadlab.signals.rates import per_second
from loadlab.signals.threads import ThreadState
from loadlab.signals.waiting import FILE
from loadlab.signals.windows import measured

CALLER = "caller"

NO_DISK = ("/dev/", "/proc/", "/sys/")
"""Where files lie that are on no disk."""

PER_THREAD = 0.2
"""Share of a thread's time at the disk from which on it counts as one of those that work there."""


@dataclass(frozen=True)
class OnDisk:
    """One service. waiting: its threads stopped at a disk, mean; standing: those stopped in any call but for another
    thread or their caller, mean; at_work: these, and those that run or want to, mean; cores: what they computed;
    threads: how many of them are at the disk now and then; on_loop: share of its
    time that an event loop stood there, of the one that did most; files: (path, threads stopped there), most first,
    where the kernel tells the file."""

    service: str
    waiting: float
    standing: float
    at_work: float
    cores: float
    threads: int
    on_loop: float
    files: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Disk:
    """By service; stalled: share of the time in which somebody on this machine waited for a disk (PSI some), None where
    the kernel keeps no account."""

    services: dict[str, OnDisk]
    stalled: float | None
    iowait: float
    """Cores idle while somebody waited for a disk."""


def compute(recording: Recording) -> Disk:
    """Raises Missing where thread states or the host were not sampled."""
    states, machine = threads.compute(recording), host.compute(recording)
    psi = recording.series("host.psi_io_some_s")
    stalled = per_second(psi[0], measured(recording)) if psi and len(psi[0].t) > 1 else None
    names = [each.name for each in recording.meta.services]
    return Disk({name: _service(states, name) for name in names}, stalled, machine.iowait)


def _service(states: threads.Threads, name: str) -> OnDisk:
    mine = states.of(name)
    shares = {each.entity: _at_disk(states, each) for each in mine}
    files: dict[str, float] = {}
    for each in mine:
        if shares[each.entity] > 0:
            for path, share in _files(states, each).items():
                files[path] = files.get(path, 0.0) + share
    return OnDisk(
        name,
        sum(shares.values()),
        sum(_less_others(states, each, each.blocked) * _unseen(each) for each in mine),
        sum(_less_others(states, each, each.busy) for each in mine),
        sum(each.cores for each in mine),
        sum(share >= PER_THREAD for share in shares.values()),
        max((shares[each.entity] for each in mine if each.serves == "epoll"), default=0.0),
        tuple(sorted(files.items(), key=lambda each: (-each[1], each[0]))),
    )


def _at_disk(states: threads.Threads, thread: ThreadState) -> float:
    """Of the time stopped at files and pipes, that at neither pipes nor what is on no disk."""
    peers = states.peers(thread.entity)
    elsewhere = sum(each.share for each in peers if each.peer in (PIPE, FULL_PIPE) or _no_disk(each.peer))
    return max(0.0, thread.share["file_io"] - elsewhere) * _unseen(thread)


def _unseen(thread: ThreadState) -> float:
    """How many times longer a thread slept than looks at it show, at least 1. A disk of today answers within 0.1 ms,
    and a look from outside takes about as long: a thread that sleeps so shortly has often woken before the look ends,
    and counts as running (three threads in fsync: seen running 45% of the time where 37% was true, on a busier machine
    67% where 41% was). The kernel's account of each thread's time is exact; the looks tell what kind of sleep it was.
    """
    seen = 1.0 - thread.on_cpu
    slept = 1.0 - thread.cores - thread.run_delay
    return max(1.0, slept / seen) if thread.cores > 0 and seen >= PER_THREAD else 1.0


def _files(states: threads.Threads, thread: ThreadState) -> dict[str, float]:
    return {
        each.peer.removeprefix(FILE): each.share
        for each in states.peers(thread.entity)
        if each.peer.startswith(FILE) and not _no_disk(each.peer)
    }


def _no_disk(peer: str) -> bool:
    return peer.removeprefix(FILE).startswith(NO_DISK)


def _less_others(states: threads.Threads, thread: ThreadState, share: float) -> float:
    """`share` of the thread's time, without its waits for other threads and for its caller's next request."""
    for_caller = sum(each.share for each in states.peers(thread.entity) if each.peer == CALLER)
    return max(0.0, share - thread.share["futex"] - for_caller)
