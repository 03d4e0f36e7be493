"""A lock is held across slow work

What: requests wait in the application for each other: one at a time holds a lock while it waits for something slow, and
the processor, the event loop and whatever is waited for have time left; or while it computes, and other cores idle. A
semaphore is such a lock for a few.
Why: what happens under a lock happens once at a time. Throughput is one over the time it is held (a semaphore's number
of places over it), with any number of threads, users or cores.
Fix: hold the lock for the shared data only: prepare before, send and store after. One lock for each thing instead of
one for all; a queue with one consumer where work has to be done in order.
Not: connection_pool_exhausted: there the server's side shows every connection taken; gil_contention: there threads want
the processor, and it is the interpreter's lock; thread_pool_exhausted: there all of several threads stand in the slow
call, not one; row_lock: there the database holds it.
Python: asyncio.Lock or threading.Lock round the shared data only, never round an await or a request to others; a lock
for each key; asyncio.Queue with one consumer where order matters; QueueHandler in front of a logging handler that is
slow.
Node: a promise chain or async-mutex round an await is such a lock: keep it round the shared data only, one for each
key.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, Where, _keeping, _line, at, percent
from loadlab.rules._computing import computing
from loadlab.rules._polling import napping, polling
from loadlab.signals import Signals
from loadlab.signals.workers import Workers

BRANCH = "code"
STEP = "narrow_lock"
RANK = 42
AT_LIMIT = True
ELASTIC = False
COVERS = ("slow_downstream", "worker_pool_exhausted")
NEEDS = ("workers", "threads", "edges", "host", "stations")
USES = (*_line.USES, "queues", "measurement")

INSIDE = 3.0
"""Requests in the process for each that is served: below, hardly anybody waits."""

IN_LINE = 0.5
"""Share of those that wait which must be seen standing in line, as threads in a futex and in the stacks."""

POOL = 0.3
"""Share of the stacks in a pool of connections, from which on what is waited for is a connection."""


def check(s: Signals) -> Verdict:
    """Every process whose requests are served one at a time while it has time left."""
    found = [fault for each in s.workers.all for fault in _process(s, each)]
    for together in (_processes, napping, _keeping.passes_few):
        alone = {fault.service for fault in found}
        found += [fault for name in s.stations.services if name not in alone for fault in together(s, name)]
    told = [fault for fault in found if fault.signals > 1]
    if told or not found:
        return Found(tuple(told)) if told else Clear("no requests wait for each other in a process that has time left")
    return Unknown(
        f"threads of {found[0].service} sleep in futexes, and nothing else was seen: only their stacks would tell "
        "those in line for a lock from those of a pool that has nothing to do"
    )


def _process(s: Signals, each: Workers) -> list[Fault]:
    pooled = s.querying.of(each.entity.service).pool_share >= POOL
    if pooled or each.inside < INSIDE or each.cores > _line.most_cores(s, each) or _line.for_interpreter(s, each):
        return []
    line, gate = s.workers.in_line.get(each.entity.pid), s.workers.at_gate.get(each.entity.pid, 0.0)
    for here in (each, _line.without_others(s, each)):
        if here.inside >= INSIDE and _stands_in_line(s, here, line, gate):
            sure = each.told or line is not None or _line.native(s, each)
            return [_threads(s, here, line, sure=sure, others=each.inside - here.inside)]
    if others := polling(s, each) or computing(s, each):
        return others
    tasks = _line.unseen(s, each) if each.cores <= _line.CPU and not each.told else None
    return [_fault(each, [_inside(each), *tasks[0]], 2, None, tasks[1])] if tasks else []


def _stands_in_line(s: Signals, each: Workers, line: float | None, gate: float) -> bool:
    """line: threads that the stacks show in line; None where there are no stacks. gate: at a semaphore."""
    wanted = IN_LINE * (each.inside - 1.0)
    # Told from waits for work, a line is seen itself; else that one is at work at a time has to show it.
    shown = each.told or gate >= wanted or _line.TAKEN <= each.at_work <= _line.ONE or _line.barges(s, each)
    return shown and each.queueing >= wanted and (line is None or line >= wanted)


def _processes(s: Signals, name: str) -> list[Fault]:
    """Processes of one thread each, in line for a lock they share (a semaphore, a mutex in shared memory). The thread
    that takes requests waits for them in accept or epoll, so in a futex it waits for somebody."""
    together = s.workers.together(name)
    if together is None or together.loop_busy is not None or together.inside < INSIDE or together.cores > _line.CPU:
        return []
    pids = [each.entity.pid for each in s.workers.of(name)]
    lines = [s.workers.in_line[pid] for pid in pids if pid in s.workers.in_line]
    line = sum(lines) if lines else None
    if not _stands_in_line(s, together, line, sum(s.workers.at_gate.get(pid, 0.0) for pid in pids)):
        return []
    return [_threads(s, together, line, f", of {len(pids)} processes", sure=True)]


def _threads(s: Signals, each: Workers, line: float | None, of: str = "", *, sure: bool, others: float = 0.0) -> Fault:
    """sure: those in a futex are known to stand at a lock, not to wait for work. others: requests that have no part in
    it."""
    call, seen = _line.holder(s, each)
    where, how = _line.at_lock(s, each, call)
    standing = each.queueing if line is None else min(line, each.queueing)  # idle ones of a pool sleep in a futex, too
    most = _line.ONE if each.at_work <= _line.ONE else None  # a semaphore lets more than one through
    evidence = [
        _inside(each, others),
        Evidence("queueing", standing, f"{standing:.1f} of its threads stood in line for a lock{of}"),
        Evidence("at_work", each.at_work, f"{each.at_work:.1f} were at work, or wanted to, at a time", most),
        Evidence("process_cores", each.cores, f"it used {percent(each.cores)} of a core", _line.most_cores(s, each)),
    ]
    if where is not None and line is not None:
        says = f"of those read, {line:.1f} threads stood in its own code, most{at(where)}"
        evidence.append(Evidence("in_line", line, says, IN_LINE))
    served = _line.one_at_a_time(s, each)
    return _fault(each, [*evidence, *seen, *served], 1 + sure + len(served), where, how)


def _inside(each: Workers, others: float = 0.0) -> Evidence:
    says = f"{each.inside:.0f} requests were in {each.entity.service} at a time"
    says += f", beside {others:.0f} that other services had" if round(others) else ""
    return Evidence("inside", each.inside, says, INSIDE)


def _fault(each: Workers, evidence: list[Evidence], signals: int, where: Where | None, how: tuple[str, str]) -> Fault:
    name, (what, advice) = each.entity.service, how
    return Fault(
        name,
        f"requests in {name} wait for each other: {what}{at(where)}",
        tuple(evidence),
        advice,
        instance=each.entity.instance,
        pid=each.entity.pid or None,
        where=where,
        strength=min(1.0, 1.0 - 1.0 / each.inside),
        signals=signals,
    )
