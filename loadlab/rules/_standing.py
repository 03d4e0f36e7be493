"""A queue that is never empty while requests wait for their messages to be worked off: part of queue_backlog."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, counted, percent
from loadlab.rules._cpu import IDLE
from loadlab.rules._importing import importing
from loadlab.rules._words import CONSUMERS, ONE_PROCESS, named
from loadlab.signals import Signals
from loadlab.signals.queues import Queue
from loadlab.signals.stations import ON_CPU

SHARE = 0.25
"""Messages in the queue for each request under way, from which on it holds a good part of their time. More than there
are requests are not theirs: a list that is kept for something else."""


STARTED = 1 / 3
"""Share of a consumer's CPU that is used by processes which have ended again, from which on they are named, as in
process_churn."""

WAITS = 0.5
"""Share of its time in which a consumer waits for such a process, from which on that is how it works."""


def standing(s: Signals) -> list[Queue]:
    """Those without an end in which requests stand. Who takes from them never has to wait for work: no more of it is
    done than they do."""
    under_way = s.measurement.generator.in_flight
    return [each for each in s.queues.all if each.stands and SHARE * under_way <= each.mean <= under_way]


def fault(s: Signals, queue: Queue) -> Fault | None:
    """None where consumers have no CPU left: more of them would take turns."""
    under_way = s.measurement.generator.in_flight
    consumer = _consumer(s, queue.service)
    if s.host.idle_share < IDLE or any(each.full for each in s.stations.of(consumer)):
        return None
    where = blame(s.hot.standing(consumer))
    says = f"{queue.mean:.1f} messages waited in {queue.name} of {queue.service}, never fewer than {queue.least:.0f}"
    evidence = [
        Evidence("waiting", queue.mean, says, SHARE * under_way),
        Evidence("under_way", under_way, f"{counted(under_way, 'request')} were under way"),
    ]
    used = s.cpu.services.get(consumer)
    made = _made(s, consumer)
    if used is not None:
        left = "" if made else ": it has time left"
        evidence.append(Evidence("cores", used.cores, f"{consumer} used {used.cores:.2f} cores{left}"))
    asked = [each for each in s.edges.out_of(consumer) if each.to != queue.service]
    if asked and asked[0].outstanding >= 0.5:
        says = f"{asked[0].outstanding:.1f} of its calls at a time were at {asked[0].to}"
        evidence.append(Evidence("elsewhere", asked[0].outstanding, says))
    evidence += made
    who = consumer or f"whoever takes from {queue.name}"
    return Fault(
        consumer or queue.service,
        f"{who} works on no more messages at a time{at(where)}, while {queue.mean:.0f} wait in {queue.name} of "
        f"{queue.service} and requests wait for them",
        tuple(evidence),
        _cheaper(s, consumer, made)
        or f"Let more messages be worked on at a time{named(s, consumer, CONSUMERS)}: who waits has time left. Then "
        "make each quicker, or answer requests before it is done.",
        where=where,
        strength=min(1.0, queue.mean / under_way + 0.3),
        signals=2,
        gain=None if made else round(min(2.0, under_way / max(under_way - queue.mean, 1.0)), 2),
    )


def _made(s: Signals, consumer: str) -> list[Evidence]:
    """Where a consumer has a process made for each message and waits for it, while that computes: it is as full as if
    it did so itself, though it stands still. [] elsewhere."""
    used = s.cpu.services.get(consumer)
    waiting = [
        each for each in s.stations.of(consumer) if each.thread is not None and each.thread.share["wait_child"] >= WAITS
    ]
    if used is None or not waiting or used.ended.cores < max(ON_CPU * len(waiting), STARTED * used.cores):
        return []
    share = used.ended.cores / used.cores
    says = f"{percent(share)} of that in processes that it started, waited for, and that ended: it has no time left"
    return [Evidence("started", share, says, STARTED), *importing(s, consumer)]


def _cheaper(s: Signals, consumer: str, made: list[Evidence]) -> str:
    """What to do first about processes that are made for each message; "" where none are."""
    if not made:
        return ""
    more = f"Then let more messages be worked on at a time{named(s, consumer, CONSUMERS)}, as far as there are cores."
    if len(made) > 1:
        return (
            "Import what a message needs before its process is made (in the consumer, not within the function), or "
            f"keep one process for many messages{named(s, consumer, ONE_PROCESS)}: each new one imports it anew. {more}"
        )
    return (
        f"Keep one process for many messages{named(s, consumer, ONE_PROCESS)}, or make what each does cheaper. {more}"
    )


def _consumer(s: Signals, store: str) -> str:
    """The service that talks to the store and that nobody calls, if it is one; else ""."""
    idle = [each for each in s.edges.callers(store) if each not in ("generator", s.meta.target)]
    found = [each for each in idle if not s.edges.callers(each)]
    return found[0] if len(found) == 1 else ""
