"""All threads of a pool are taken

What: every thread of a pool stands in a slow call, and more requests wait for one; the thread that takes requests, and
the processor, have time left.
Why: no more requests than threads are worked on at a time. Throughput is threads over the time of the call.
Fix: a bigger pool (a thread that waits costs little); a call that needs no thread (an asynchronous client); or a
shorter wait: a timeout, a cache.
Not: worker_pool_exhausted: there the threads take requests themselves; connection_pool_exhausted: there threads wait
for a connection; lock_contention: there one stands in the call and the others wait for it.
Python: ThreadPoolExecutor(max_workers=...), anyio's limiter (40 threads by default, for def handlers of FastAPI and
Starlette); better an asynchronous client (httpx.AsyncClient, asyncpg).
Node: UV_THREADPOOL_SIZE up (4 by default) for fs, dns.lookup, zlib and crypto; worker_threads in a pool of their own
for heavy calls.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, counted, percent, queued
from loadlab.rules._pool import advice, brings
from loadlab.rules._words import one_of, whom
from loadlab.signals import Signals
from loadlab.signals.workers import TAKEN, Workers

BRANCH = "code"
STEP = "bigger_pool"
RANK = 44
AT_LIMIT = True
ELASTIC = False
COVERS = ("slow_downstream",)
NEEDS = ("workers", "threads", "edges")
USES = ("hot", "querying")

WAITING = 1.2
"""Requests in the process for each thread of the pool: a fifth more than there are threads for."""

LOOP = 0.7
"""A thread that takes requests and is busier than this may itself be what they wait for."""

CPU = 0.75
"""Cores of the process from which on its threads compute rather than wait."""

BESIDE = 1.5
"""Threads at work for each that is taken, from which on others of the pool work as well, and it is not all taken."""

STANDS = 0.7
"""Share of the threads' time in which they stand in a call. The rest is what they do between two calls."""

MANY = 4
"""Threads of a pool that nobody may count as a few helpers with work of their own: libuv's is that big, others are
bigger."""

AWAY = 0.3
"""Share of the requests that are outstanding at another service, from which on that may be what they wait for."""

SPARE = 1.0
"""Threads of a pool that wait for work, mean, from which on there is one for the next request all the time."""

POOL = 0.3
"""Share of the stacks in a pool of connections, from which on a connection is what the threads wait for."""


def check(s: Signals) -> Verdict:
    """Every process with a thread that takes requests and others that serve them."""
    found = [_fault(s, each) for each in s.workers.all if _exhausted(s, each)]
    return Found(tuple(found)) if found else Clear("no pool of threads was taken while requests waited for one")


def _exhausted(s: Signals, each: Workers) -> bool:
    pool = len(each.taken)
    if not pool or each.loop_busy is None or each.loop_busy > LOOP or each.cores > CPU:
        return False
    if each.at_work > BESIDE * pool or s.workers.spare.get(each.entity.pid, 0.0) >= SPARE:
        return False
    if each.inside < WAITING * pool and not _otherwise(s, each):
        return False
    if s.querying.of(each.entity.service).pool_share >= POOL:
        return False
    return sum(thread.blocked for thread in each.taken) / pool >= STANDS


def _otherwise(s: Signals, each: Workers) -> bool:
    """Whether the threads are taken by what no request waits for, and requests wait for a thread all the same: there
    are fewer requests than threads, no thread is free, and the requests are nowhere else."""
    name, pool = each.entity.service, len(each.taken)
    elsewhere = sum(edge.outstanding for edge in s.edges.out_of(name))
    fewer = each.inside * WAITING <= pool
    # Behind another service there may be several requests on a connection that is not busy all of the time.
    known = name == s.meta.target or s.edges.busy(name)
    return fewer and known and pool >= MANY and not each.told and not each.free and elsewhere < AWAY * each.inside


def _fault(s: Signals, each: Workers) -> Fault:
    name, pool, loop = each.entity.service, len(each.taken), each.loop_busy or 0.0
    where = blame(s.hot.standing(name))
    stands = sum(thread.blocked for thread in each.taken) / pool
    other = each.inside < WAITING * pool
    waiting = each.inside if other else each.inside - pool
    inside = f"{'only ' if other else ''}{counted(each.inside, 'request')} in the process at a time"
    crew, are = ("the only thread of a pool", "is") if pool == 1 else (f"all {pool} threads of a pool", "are")
    stood = "it stood in a call" if pool == 1 else "each stood in a call"
    evidence = [
        Evidence("taken", pool, f"{counted(pool, 'thread')} at work all of the time", TAKEN),
        Evidence("inside", each.inside, inside, WAITING * pool),
        Evidence("blocked", stands, f"{stood} {percent(stands)} of the time", STANDS),
        Evidence("loop_busy", loop, f"who takes requests had time left: busy {percent(loop)}", LOOP),
    ]
    peers = [peer for thread in each.taken for peer in s.threads.peers(thread.entity)]
    if peers:
        top = max(peers, key=lambda one: one.share)
        evidence.append(Evidence("peer", top.share, f"mostly waiting for {whom(top.peer)}"))
    remedy, more = advice(peers, other=other)
    return Fault(
        name,
        f"{crew} in {one_of(s, each.entity)} {are} taken{' by work that no request waits for' * other}"
        f"{',' * (where is not None)}{at(where)}, and {queued(waiting, pool)}",
        tuple(evidence),
        remedy,
        instance=each.entity.instance,
        pid=each.entity.pid,
        where=where,
        strength=min(1.0, waiting / each.inside + 0.3),
        signals=2,
        # Twice the threads, as far as requests wait for one.
        gain=None if not more else brings(s, name, 2.0 if other else min(2.0, each.inside / pool)),
    )
