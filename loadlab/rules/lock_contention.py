"""A lock is held across slow work

What: requests wait in the application for each other: one at a time holds a lock while it waits for something slow, and
the processor, the event loop and whatever is waited for have time left.
Why: what happens under a lock happens once at a time. Throughput is one over the time it is held, with any number of
threads, users or cores.
Fix: hold the lock for the shared data only: prepare before, send and store after. One lock for each thing instead of
one for all; a queue with one consumer where work has to be done in order.
Not: connection_pool_exhausted: there the server's side shows every connection taken; gil_contention: there threads want
the processor; thread_pool_exhausted: there all of several threads stand in the slow call, not one; row_lock: there the
database holds it.
Python: asyncio.Lock or threading.Lock round the shared data only, never round an await or a request to others; a lock
for each key; asyncio.Queue with one consumer where order matters.
Node: a promise chain or async-mutex round an await is such a lock: keep it round the shared data only, one for each
key.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, Where, at, blame, percent
from loadlab.signals import Signals
from loadlab.signals.workers import Workers

BRANCH = "code"
STEP = "narrow_lock"
RANK = 42
AT_LIMIT = True
ELASTIC = False
NEEDS = ("workers", "threads", "edges")
USES = ("hot", "querying", "databases")

ONE = 1.6
"""Threads at work at a time, or requests served at once, up to which it is one at a time: handing a lock over overlaps
with the next request's beginning, and a pool of two would be two."""

INSIDE = 3.0
"""Requests in the process for each that is served: below, hardly anybody waits."""

IN_LINE = 0.5
"""Share of those that wait which must be seen standing in line, as threads in a futex and in the stacks."""

CPU = 0.6
"""Cores of the process from which on computing is what takes the time, whoever waits for it."""

CPU_TOLD = 1.2
"""The same where stacks tell who waits for a lock: one thread at a time computes in there, and the rest cannot."""

LOOP = 0.7
"""An event loop busier than this may itself be what requests wait for."""

POOL = 0.3
"""Share of the stacks in a pool of connections, from which on what is waited for is a connection."""


def check(s: Signals) -> Verdict:
    """Every process whose requests are served one at a time while it has time left."""
    found = [fault for each in s.workers.all for fault in _process(s, each)]
    return Found(tuple(found)) if found else Clear("no requests wait for each other in a process that has time left")


def _process(s: Signals, each: Workers) -> list[Fault]:
    waiting = each.inside - 1.0
    if each.inside < INSIDE or each.cores > _most_cores(each):
        return []
    if s.querying.of(each.entity.service).pool_share >= POOL:
        return []
    # Told from waits for work, a line is seen itself; else that one is at work at a time has to show it.
    if each.queueing >= IN_LINE * waiting and (each.told or 0.3 <= each.at_work <= ONE):
        line = s.workers.in_line.get(each.entity.pid)
        if line is None or line >= IN_LINE * waiting:
            return [_threads(s, each, line)]
    return _loop(s, each) if each.cores <= CPU and not each.told else []


def _most_cores(each: Workers) -> float:
    return CPU_TOLD if each.told else CPU


def _threads(s: Signals, each: Workers, line: float | None) -> Fault:
    name = each.entity.service
    where = blame(s.hot.standing(name))
    evidence = [
        _inside(each),
        Evidence("queueing", each.queueing, f"{each.queueing:.1f} of its threads stood in line for a lock"),
        Evidence("at_work", each.at_work, f"{each.at_work:.1f} were at work, or wanted to, at a time", ONE),
        Evidence("process_cores", each.cores, f"it used {percent(each.cores)} of a core", _most_cores(each)),
    ]
    if where is not None and line is not None:
        says = f"of those read, {line:.1f} threads stood in its own code, most{at(where)}"
        evidence.append(Evidence("in_line", line, says, IN_LINE))
    return _fault(each, evidence, 1 + (line is not None), where)


def _loop(s: Signals, each: Workers) -> list[Fault]:
    """An event loop with time left whose requests are neither at anybody else nor in a thread."""
    name, at_once = each.entity.service, s.workers.at_once
    loop = s.threads.loop(name, each.entity.pid)
    out = sum(edge.outstanding for edge in s.edges.out_of(name))
    if loop is None or loop.busy > LOOP or at_once is None or max(at_once, each.at_work, out) > ONE:
        return []
    if len(s.workers.of(name)) > 1 or name not in _front(s):
        return []
    evidence = [
        _inside(each),
        Evidence("outstanding", out, f"{out:.1f} of them waited for somebody else", ONE),
        Evidence("loop_busy", loop.busy, f"the event loop had time left: busy {percent(loop.busy)}", LOOP),
        Evidence("at_once", at_once, f"as many were served as with {at_once:.1f} at a time", ONE),
    ]
    return [_fault(each, evidence, 2, None)]


def _front(s: Signals) -> set[str]:
    """The service that gets the load, or the one a balancer passes it to. slow_downstream follows it further back."""
    balanced = {each.upstream for each in s.meta.services if each.name == s.meta.target and each.upstream}
    return {s.meta.target} | balanced


def _inside(each: Workers) -> Evidence:
    return Evidence("inside", each.inside, f"{each.inside:.0f} requests were in the process at a time", INSIDE)


def _fault(each: Workers, evidence: list[Evidence], signals: int, where: Where | None) -> Fault:
    name = each.entity.service
    return Fault(
        name,
        f"requests in {name} wait for each other: one at a time holds a lock{at(where)}",
        tuple(evidence),
        "Hold the lock for the shared data only, or give each thing a lock of its own.",
        instance=each.entity.instance,
        pid=each.entity.pid,
        where=where,
        strength=min(1.0, 1.0 - 1.0 / each.inside),
        signals=signals,
    )
