"""A server with a worker for each connection that has no more of them to give: part of worker_pool_exhausted."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, percent
from loadlab.rules._cpu import IDLE
from loadlab.signals import Signals
from loadlab.signals.stations import FULL, Station
from loadlab.signals.threads import ThreadState
from loadlab.signals.workers import CALLER

STILL = 0.1
"""Share of its time up to which a thread that accepts hardly does anything: it waits for one of those that serve."""

CPU = 0.6
"""Cores of the process from which on computing is what takes the places."""

OTHERS = 1.5
"""Open connections for each thread that accepts, from which on others serve them: who serves them itself has one."""

SERVES = 0.5
"""Share of its time in a call for a request (a socket, a file) from which on a thread that accepts serves them itself,
however many connections it has accepted ahead (PHP's built-in server takes two): who waits for a free place is in none
of these."""

TALKING = 0.02
"""Share of the time below which nobody waits for its caller: the probe's smallest."""


CALLED = 0.5
"""Mean share of the workers' time in which they wait for their caller, from which on that is what takes them."""

IN_HAND = 0.5
"""Requests for each worker below which it has none most of the time: what its caller owes is a request, not the rest of
one, and it is not an answer that the caller reads slowly."""


MORE = "Allow more connections at a time (threads, workers); one that waits costs memory, not CPU."
CLOSE = (
    "Close kept connections sooner (a shorter keep-alive timeout), or let them wait without a worker (an event-driven "
    "server, or such a proxy in front); else allow as many workers as there are connections."
)
"""What to do; where no request is on most of them."""


def connections(s: Signals, name: str, places: list[Station]) -> Fault | None:
    """A thread accepts, others serve, and it has stopped accepting until one of them is free: meanwhile connections
    wait in the kernel's queue all the time. More of them are open than threads accept, so they are not the workers."""
    listeners = [each for each in s.sockets.listeners if each.entity.service == name]
    waiting, held = sum(each.standing for each in listeners), sum(each.held for each in listeners)
    if waiting < 1 or held < OTHERS * len(places) or s.host.idle_share < IDLE:
        return None
    stands = [each for each in places if each.busy >= FULL and each.thread_cores + each.run_delay <= STILL]
    if not places or len(stands) < len(places) or any(each.process.cores > CPU for each in places):
        return None
    if any(_serves(each) for each in places):
        return None
    peers = [one for each in s.threads.of(name) if not each.serves for one in s.threads.peers(each.entity)]
    idle = sum(each.share for each in peers if each.peer == CALLER) / held
    evidence = [
        Evidence("accept_queue", waiting, f"{waiting:.0f} connections waited to be accepted, all the time", 1.0),
        Evidence("held", held, f"{held:.0f} were open"),
        Evidence("accepts", max(each.busy for each in stands), "the thread that accepts took no more of them", FULL),
        Evidence("cores", max(each.process.cores for each in places), "the process had time left"),
    ]
    if idle > TALKING:
        evidence.append(Evidence("idle", idle, f"{percent(min(1.0, idle))} of their time they waited for their caller"))
    where = blame(s.hot.standing(name))
    return Fault(
        name,
        f"all {held:.0f} places for connections in {name} are taken, and {waiting:.0f} more connections wait for one"
        f"{at(where)}",
        tuple(evidence),
        CLOSE if idle >= CALLED and s.edges.into(name) - waiting <= IN_HAND * held else MORE,
        where=where,
        strength=min(1.0, waiting / held + 0.3),
        signals=2,
        gain=round(min(2.0, (held + waiting) / held), 2),
    )


def _serves(place: Station) -> bool:
    share = place.thread.share if place.thread is not None else {}
    return sum(share.get(state, 0.0) for state in ("socket_wait", "file_io", "lock_file")) >= SERVES


def kept(s: Signals, name: str, workers: list[ThreadState], processes: int) -> Fault | None:
    """Workers that accept and serve, each held by its connection until the next request comes on it, or until it is
    closed, while other connections wait for a worker."""
    listeners = [each for each in s.sockets.listeners if each.entity.service == name]
    waiting = sum(each.standing for each in listeners)
    called = sum(one.share for each in workers for one in s.threads.peers(each.entity) if one.peer == CALLER)
    inside = s.edges.into(name) - waiting
    if waiting < 1 or called < CALLED * len(workers) or inside > IN_HAND * len(workers):
        return None
    crew = f"{len(workers)} threads of the {processes} " if len(workers) > processes else f"{processes} "
    crew += "worker" if len(workers) == 1 else "workers"
    return Fault(
        name,
        f"all {crew} of {name} are held by connections that are kept open between two requests, and {waiting:.0f} more "
        "connections wait for one",
        (
            Evidence("accept_queue", waiting, f"{waiting:.0f} connections waited to be accepted, all the time", 1.0),
            Evidence(
                "idle",
                called / len(workers),
                f"{percent(called / len(workers))} of their time the workers waited for their caller",
                CALLED,
            ),
            Evidence("inside", max(0.0, inside), f"{max(0.0, inside):.1f} requests at a time were with them"),
        ),
        CLOSE,
        strength=min(1.0, called / len(workers)),
        signals=2,
        gain=round((len(workers) + waiting) / len(workers), 2),
    )
