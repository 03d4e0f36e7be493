"""A queue that is never empty while requests wait for their messages to be worked off: part of queue_backlog."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, counted
from loadlab.rules._cpu import IDLE
from loadlab.rules._words import CONSUMERS, named
from loadlab.signals import Signals
from loadlab.signals.queues import Queue

SHARE = 0.25
"""Messages in the queue for each request under way, from which on it holds a good part of their time. More than there
are requests are not theirs: a list that is kept for something else."""


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
    if used is not None:
        evidence.append(Evidence("cores", used.cores, f"{consumer} used {used.cores:.2f} cores: it has time left"))
    asked = [each for each in s.edges.out_of(consumer) if each.to != queue.service]
    if asked and asked[0].outstanding >= 0.5:
        says = f"{asked[0].outstanding:.1f} of its calls at a time were at {asked[0].to}"
        evidence.append(Evidence("elsewhere", asked[0].outstanding, says))
    who = consumer or f"whoever takes from {queue.name}"
    return Fault(
        consumer or queue.service,
        f"{who} works on no more messages at a time{at(where)}, while {queue.mean:.0f} wait in {queue.name} of "
        f"{queue.service} and requests wait for them",
        tuple(evidence),
        f"Let more messages be worked on at a time{named(s, consumer, CONSUMERS)}: who waits has time left. Then make "
        "each quicker, or answer requests before it is done.",
        where=where,
        strength=min(1.0, queue.mean / under_way + 0.3),
        signals=2,
        gain=round(min(2.0, under_way / max(under_way - queue.mean, 1.0)), 2),
    )


def _consumer(s: Signals, store: str) -> str:
    """The service that talks to the store and that nobody calls, if it is one; else ""."""
    idle = [each for each in s.edges.callers(store) if each not in ("generator", s.meta.target)]
    found = [each for each in idle if not s.edges.callers(each)]
    return found[0] if len(found) == 1 else ""
