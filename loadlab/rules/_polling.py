"""Part of lock_contention: requests that ask a store again and again until a lock kept there is free, and may sleep
between two tries."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, percent
from loadlab.rules._line import ALONE, LOOP, one_at_a_time
from loadlab.rules._refuser import STORES, again_of, refused
from loadlab.rules._standing import standing
from loadlab.signals import Signals
from loadlab.signals.calls import POLLING, Calls
from loadlab.signals.edges import Edge
from loadlab.signals.workers import Workers

ASLEEP = 0.5
"""Share of the requests that wait which must be seen asleep, as threads."""

ONCE_MORE = 0.5
"""Calls for each request more than where none waits, from which on it is more than chance: what a request needs of a
store is a whole number of calls, and who found a lock taken asks once more at least."""

INSIDE = 3.0
"""Requests in a service for each that is served, as in lock_contention."""


def polling(s: Signals, each: Workers) -> list[Fault]:
    """One at a time is served, and each request asks another service the more often the more others wait."""
    name, served = each.entity.service, one_at_a_time(s, each)
    again = again_of(s, name)
    if again is None or again.alone is None or not served or refused(s, name):
        return []
    if any(queue.service == again.to for queue in standing(s)):
        return []  # they ask for their results, which the one who works on them puts there
    where = blame(s.hot.standing(name))
    says = f"each request asked {again.to} {again.per_request:.0f} times, and {again.alone:.0f} times where none waited"
    inside = f"{each.inside:.0f} requests were in {name} at a time"
    return [
        Fault(
            name,
            f"requests in {name} wait for each other: one at a time holds a lock kept in {again.to}, for which the "
            f"others ask again and again{at(where)}",
            (
                Evidence("inside", each.inside, inside),
                Evidence("calls_per_request", again.per_request, says, POLLING * again.alone),
                *served,
            ),
            "Hold the lock for the shared data only, a lock for each thing; where the store can do the change in one "
            f"step (INCR, a script), none. Whoever waits is better woken (BLPOP, publish) than asking {again.to}.",
            instance=each.entity.instance,
            pid=each.entity.pid or None,
            where=where,
            strength=min(1.0, 1.0 - 1.0 / max(1.0, each.inside)),
            signals=2,
        )
    ]


def napping(s: Signals, name: str) -> list[Fault]:
    """In however many processes: exactly one request is at another service, most others are asleep, as threads or in an
    event loop, and each asks a store more often than one that is alone does. Naps are long, so that these are few
    questions."""
    inside = sum(each.inside for each in s.workers.of(name))
    threads, tasks = _threads_asleep(s, name), _in_loops(s, name, inside)
    if inside < INSIDE or max(threads, tasks) < ASLEEP * (inside - 1.0):
        return []
    held = max(s.edges.out_of(name), key=lambda edge: edge.alone, default=None)
    store = _asked_more(s, name)
    if held is None or held.alone < ALONE or store is None or store.to == held.to or refused(s, name):
        return []
    return [_napping(s, held, store, inside, threads, tasks)]


def _threads_asleep(s: Signals, name: str) -> float:
    """Mean. A first thread that has others serve looks now and then whether they are still there."""
    return sum(
        thread.share["sleep"]
        for each in s.workers.of(name)
        for thread in s.threads.of(name, each.entity.pid)
        if thread.serves or thread.entity.tid != each.entity.pid
    )


def _in_loops(s: Signals, name: str, inside: float) -> float:
    """Requests in event loops that have time left, which are neither at anybody else nor on a CPU; 0 where threads
    serve."""
    mine = s.workers.of(name)
    loops = [s.threads.polling(name, each.entity.pid) for each in mine]
    if any(busy is None or busy > LOOP for busy in loops) or any(each.taken or each.queueing >= 1.0 for each in mine):
        return 0.0
    return inside - sum(edge.outstanding for edge in s.edges.out_of(name)) - sum(busy or 0.0 for busy in loops)


def _asked_more(s: Signals, name: str) -> Calls | None:
    """The store that is asked most beyond what a lone request asks of it."""
    stores = {each.name for each in s.meta.services if each.role in STORES}
    more = [
        (calls.per_request - calls.alone, calls)
        for calls in s.calls
        if calls.source == name and calls.to in stores and calls.alone is not None
    ]
    most = max(more, key=lambda one: one[0], default=None)
    return most[1] if most is not None and most[0] >= ONCE_MORE else None


def _napping(s: Signals, held: Edge, store: Calls, inside: float, threads: float, tasks: float) -> Fault:
    name, alone = held.source, store.alone or 0.0
    # In a loop stacks show who runs, not who waits.
    asleep, where = (threads, blame(s.hot.standing(name))) if threads >= tasks else (tasks, None)
    slept = f"{asleep:.1f} of its threads slept"
    if threads < tasks:
        slept = f"{asleep:.1f} were neither at anybody else nor at work, and its event loop had time left"
    says = f"each request asked {store.to} {store.per_request:.1f} times, and {alone:.1f} times where none waited"
    return Fault(
        name,
        f"requests in {name} wait for each other: one at a time holds a lock kept in {store.to}, and the others sleep "
        f"until they ask for it again{at(where)}",
        (
            Evidence("inside", inside, f"{inside:.0f} requests were in {name} at a time", INSIDE),
            Evidence("asleep", asleep, slept, ASLEEP * (inside - 1.0)),
            Evidence("alone", held.alone, f"exactly one was at {held.to} {percent(held.alone)} of the time", ALONE),
            Evidence("calls_per_request", store.per_request, says, alone + ONCE_MORE),
        ),
        f"Take the call to {held.to} out of the lock, or give each thing a lock of its own; where the store can do the "
        "change in one step (INCR, a script), none. A shorter sleep, or being woken (BLPOP, publish), leaves the lock "
        "free for less time between two of them.",
        where=where,
        strength=min(1.0, 1.0 - 1.0 / inside),
        signals=2,
    )
