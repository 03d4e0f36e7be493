"""Processes wait for a lock on a file

What: most threads that serve requests stand in line for one lock on a file: flock, fcntl, or SQLite's lock for writing.
Why: whoever holds it is alone, in all processes. Throughput is one over the time it is held, with any number of
workers, servers or cores.
Fix: hold it for the shared bytes only: compute, ask others and sync before and after. What many write at once belongs
into a database that locks rows, not files.
Not: lock_contention: there threads of one process wait for each other in memory; disk_io: there they wait for the disk,
and nobody holds anything; worker_pool_exhausted: more workers would only make this line longer.
Python: no other service asked between BEGIN and COMMIT (sqlite3 begins with the first write); journal_mode=WAL lets
readers go on, not writers; counters in Redis (INCR) or in a sequence.
Node: better-sqlite3 blocks the loop while it waits (busy_timeout); short transactions, one writing process, the rest
send it messages.
"""

from __future__ import annotations

from pathlib import PurePath

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._line import ONE
from loadlab.rules._words import UNLOCK, named
from loadlab.signals import Signals
from loadlab.signals.edges import Edge
from loadlab.signals.file_locks import FileLock

BRANCH = "database"
STEP = "real_database"
RANK = 38
AT_LIMIT = True
ELASTIC = False
COVERS = ("event_loop_blocked", "thread_pool_exhausted", "worker_pool_exhausted")
NEEDS = ("file_locks",)
USES = ("hot", "edges", "languages", "workers")

WAITING = 0.4
"""Share of the threads at work that wait for the lock. Of two workers one holds it and one waits, which is half; below,
without the lock throughput would grow by less than 1/(1-0.4) = 1.7."""

QUEUE = 0.5
"""Threads that wait for it, mean: below, there is hardly ever a line."""

HELD = 0.5
"""Share of the time that SQLite's lock is held, from which on naps are waits for it. Handing over takes a nap of 1 to
100 ms, so that the lock is free meanwhile; one that is free most of the time is not what anybody waits for."""

ASKED = 0.5
"""Requests at another service for the time that the lock is held, from which on waiting for it is the greater part."""

ALONE = 0.9
"""Share of the requests at another service that are there alone: all, but for a look between two of them. Of callers
that do not wait for each other, with one at a time on average, it would be 0.37."""

FULL = 0.9
"""Share of the time that a lock is held, from which on it is used up, however those wait who do not have it: in sleeps
of their own between two tries, which look like any other sleep. What takes turns at it cannot be done a ninth more
often."""

TURNS = 10
"""Looks in the measured window that found the lock newly taken: what one process keeps for good (exclusive mode, a
program that shall run once) is no line that moves."""


def check(s: Signals) -> Verdict:
    """Every file that processes of a service lock."""
    found = [_fault(s, each) for each in s.file_locks if _waited_for(each) or _used_up(s, each)]
    return Found(tuple(found)) if found else Clear("hardly any thread waited for a lock on a file")


def _waited_for(lock: FileLock) -> bool:
    if lock.waiting < QUEUE or lock.waiting < WAITING * lock.at_work:
        return False
    return not lock.sqlite or (lock.held >= HELD and lock.turns >= TURNS)


def _asked(s: Signals, lock: FileLock) -> Edge | None:
    """The service that whoever holds the lock waits for. Callers that do not hold it would ask two at a time, too."""
    for edge in s.edges.out_of(lock.service):
        if edge.outstanding >= ASKED * lock.held > 0 and edge.alone >= ALONE * edge.outstanding:
            return edge
    return None


def _used_up(s: Signals, lock: FileLock) -> bool:
    """Held nearly all of the time by turns, while requests are served one at a time and more threads are at work than
    the one that holds it."""
    if lock.held < FULL or lock.turns < TURNS or s.workers.at_once is None or s.workers.at_once > ONE:
        return False
    return lock.at_work - lock.held >= max(QUEUE, WAITING * lock.at_work)


def _fault(s: Signals, lock: FileLock) -> Fault:
    name, file = lock.service, PurePath(lock.path).name
    where = blame(s.hot.standing(name))
    waiting = lock.waiting
    how = "asking SQLite for it again and again" if lock.sqlite else "standing in the kernel's line"
    says = f"{waiting:.1f} of {lock.at_work:.1f} threads at work waited for a lock on {file}, {how}"
    if waiting < WAITING * lock.at_work:
        waiting = lock.at_work - lock.held
        says = f"one thread at a time held a lock on {file}; {waiting:.1f} others slept or were at work meanwhile"
    share = min(1.0, waiting / lock.at_work) if lock.at_work > 0 else 1.0
    evidence = [Evidence("waiting", waiting, says, WAITING * lock.at_work)]
    if lock.held > 0:
        by = f"one of {lock.holders} processes" if lock.holders > 1 else "its process"
        evidence.append(Evidence("held", lock.held, f"{by} held it {percent(lock.held)} of the time: {lock.path}"))
    if where is not None:
        evidence.append(Evidence("line", where.share or 0.0, f"threads of {name} stood still most{at(where)}"))
    remedy = "Hold the lock only for what is shared; keep what many write at once in a database that locks rows."
    if (edge := _asked(s, lock)) is not None:
        says = f"{edge.outstanding:.1f} requests were at {edge.to}, never two at once"
        evidence.append(Evidence("asked", edge.outstanding, says, ASKED * lock.held))
        back = f"after it is given back{named(s, name, UNLOCK)}"
        remedy = f"Ask {edge.to} before the lock is taken, or {back}; hold it only for what is shared."
    return Fault(
        name,
        f"{name} waits for the lock on {file}{at(where)}",
        tuple(evidence),
        remedy,
        where=where,
        strength=share,
        signals=1 + (lock.held > 0),
    )
