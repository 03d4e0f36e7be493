"""Threads wait for the disk

What: threads at work in a service stand in a read, a write or a sync of a file on a disk, more than they compute or
wait for anything else: what they want is not in memory, or must not stay there only.
Why: a disk does so many operations a second, each of which takes its time, and a sync waits for all that was written
before. More workers wait for the same disk.
Fix: sync once for many changes (a group, or each few milliseconds); keep what is read often in memory; write in the
background what may be lost; a faster disk.
Not: commit_fsync: there a database waits for its log; memory_limit: there pages come back from swap;
event_loop_blocked: there one loop stands at the disk alone, and the disk has time left; file_lock: there one works and
the others wait for it.
Python: one os.fsync for a batch; buffering=1 << 16; logging through a QueueHandler; a cache for what open() reads.
Node: fs.createWriteStream instead of appendFileSync; the pool behind fs has four threads (UV_THREADPOOL_SIZE).
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.signals import Signals
from loadlab.signals.disk import OnDisk

BRANCH = "server_limit"
STEP = "faster_disk_or_cache"
RANK = 43
AT_LIMIT = True
ELASTIC = False
COVERS = ("event_loop_blocked", "thread_pool_exhausted", "worker_pool_exhausted")
NEEDS = ("disk", "workers", "stations")
USES = ("hot", "pressure")

WAITING = 0.3
"""Share of the threads at work that stand at the disk: without that throughput would be 1/(1-0.3) = 1.4 times as much.
A disk of today answers within a fraction of a millisecond; then getting a core again takes as long as the wait."""

MOSTLY = 0.5
"""Share of the threads that stand in some call which must stand at the disk: past half, it is what they mostly do."""

QUEUE = 0.8
"""Threads at the disk, mean: one that is there nearly always is the least that fills a disk's time."""

ON_LOOP = 0.3
"""Share of an event loop's time at the disk, from which on event_loop_blocked is about it."""

OF_REQUESTS = 0.3
"""Threads at the disk for each request that could be worked on: a background thread that syncs all day holds up
nobody."""

STALLED = 0.3
"""Share of the time in which the kernel says that somebody waited for a disk (PSI some), from which on both agree."""


def check(s: Signals) -> Verdict:
    """Every service by where its threads stand."""
    found = [_fault(s, each) for each in s.disk.services.values() if _waits(s, each)]
    return Found(tuple(found)) if found else Clear("threads at work hardly ever wait for a disk")


def _waits(s: Signals, each: OnDisk) -> bool:
    if each.waiting < max(QUEUE, WAITING * each.at_work, MOSTLY * each.standing, each.cores):
        return False
    if each.service in s.pressure:  # a database's process has one session, and waits for it in epoll
        return s.pressure[each.service].decides
    if each.on_loop >= ON_LOOP:
        return False
    serving = any(one.thread is not None and one.thread.serves == "accept" for one in s.stations.of(each.service))
    if not serving and each.threads < 2:
        return False
    inside = sum(one.inside for one in s.workers.of(each.service))
    return each.waiting >= OF_REQUESTS * min(inside, max(1, each.threads)) and inside >= 1


def _fault(s: Signals, each: OnDisk) -> Fault:
    name, where = each.service, blame(s.hot.standing(each.service))
    stalled = s.disk.stalled
    evidence = [
        Evidence(
            "waiting",
            each.waiting,
            f"{each.waiting:.1f} of {each.at_work:.1f} threads at work stood at the disk",
            WAITING * each.at_work,
        ),
        Evidence("cores", each.cores, f"they computed less: {each.cores:.2f} cores", each.waiting),
    ]
    evidence += [Evidence("file", share, f"{share:.1f} of them at {path}") for path, share in each.files[:1]]
    if stalled is not None:
        says = f"for {percent(stalled)} of the time the kernel saw somebody wait for a disk"
        evidence.append(Evidence("stalled", stalled, says, STALLED))
    if where is not None:
        evidence.append(Evidence("line", where.share or 0.0, f"threads of {name} stood still most{at(where)}"))
    return Fault(
        name,
        f"{name} waits for the disk{at(where)}",
        tuple(evidence),
        "Sync once for many changes, keep what is read often in memory; else a faster disk.",
        where=where,
        strength=min(1.0, each.waiting / each.at_work),
        signals=1 + (stalled is not None and stalled >= STALLED),
    )
