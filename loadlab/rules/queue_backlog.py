"""Messages arrive faster than they are worked off

What: while the load was level, the number of messages that wait in a queue grew all the time; or it was never empty,
and requests wait until theirs are worked off; or the queue is in a service's own memory: that grew steadily, and when
no request was under way any more, the service went on as before.
Why: whoever puts them in gets a quick answer, so that nothing looks slow; but each waits longer than the one before,
and the queue's memory is finite. Where requests wait for results, no more are answered than consumers finish.
Fix: more consumers, or quicker ones (batches, prefetch, fewer calls for each message); and let producers feel it: a
limit of the queue's length, or a refusal when it is long.
Not: messages that come back again and again; a broker that blocks publishers: there nothing piles up; memory_leak:
there nothing goes on once the load has ended.
Python: more Celery workers or --concurrency; batches; a faster handler; imports in the worker, not in a job that RQ
forks for. Background tasks, create_task, submit(): a
bound (asyncio.Queue(maxsize), a semaphore that is taken before the task is made), or awaited.
Node: more consumers, a higher concurrency in BullMQ; batches; a faster handler. Promises that nobody awaits: awaited,
or as many at a time as a limit lets through (p-limit) before the answer goes out.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, _piling, _standing, counted
from loadlab.signals import Signals
from loadlab.signals.queues import GROWTH, WAITING, Queue

BRANCH = "server_limit"
STEP = "more_consumers"
RANK = 40
AT_LIMIT = False
ELASTIC = False
COVERS = ("memory_leak",)  # messages that wait are kept in memory
NEEDS = ("queues", "measurement")
USES = ("edges", "stations", "hot", "cpu", "host", "languages", "memory", "draining")


def check(s: Signals) -> Verdict:
    """Each queue that grew as if there were no end, or was never empty while requests stood in it; and what services
    have in a queue of their own."""
    inside = _piling.faults(s)
    if not s.queues.all and not inside:
        return Clear("no queue")
    found = [*inside, *(_fault(each, s.queues.seconds) for each in s.queues.all if each.piles_up)]
    stand = (_standing.fault(s, each) for each in _standing.standing(s) if not each.piles_up)
    found += [each for each in stand if each is not None]
    return Found(tuple(found)) if found else Clear("every message was worked off as fast as it came")


def _fault(queue: Queue, seconds: float) -> Fault:
    evidence = [
        Evidence("waiting", queue.waiting, f"{queue.waiting:.0f} messages waited in the end", WAITING),
        Evidence("growth", queue.growth, f"{queue.growth:.0f} more each second, for {seconds:.0f} s", GROWTH),
    ]
    gain = None
    if queue.arrived is not None and queue.finished is not None:
        says = f"{queue.arrived:.0f} messages/s arrived, {queue.finished:.0f} were worked off"
        evidence.append(Evidence("arrived", queue.arrived, says))
        gain = round(min(10.0, queue.arrived / queue.finished), 2) if queue.finished > 0 else None
    if queue.consumers is not None:
        says = f"{counted(queue.consumers, 'consumer')}, with {counted(queue.taken, 'message')} taken"
        evidence.append(Evidence("consumers", queue.consumers, says))
    nobody = queue.consumers is not None and queue.consumers < 0.5
    text = "nobody takes them" if nobody else "they arrive faster than consumers finish them"
    return Fault(
        queue.service,
        f"messages pile up in {queue.name} of {queue.service}, {queue.growth:.0f} more each second: {text}",
        tuple(evidence),
        "Start a consumer." if nobody else "Run more consumers, or make them quicker; limit the queue's length.",
        instance=queue.instance,
        strength=min(1.0, queue.growth / queue.arrived) if queue.arrived else 0.5,
        signals=2,
        gain=gain,
    )
