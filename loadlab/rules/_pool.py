"""What to do where all threads of a pool are taken, by whom they wait for, and what more of them bring: part of
thread_pool_exhausted and worker_pool_exhausted."""

from __future__ import annotations

from loadlab.rules._pipes import ADVICE, full
from loadlab.rules._words import NAMES_PORT
from loadlab.signals import Signals
from loadlab.signals.threads import Wait

LOOKUPS = (
    "Keep connections open: each new one has its name looked up, in one of these threads. Or keep the answers (a cache "
    "of names in the process or on the machine); then make the pool bigger."
)

OTHERWISE = (
    "Take the work that no answer waits for out of the pool that answers: an asynchronous call, a pool of its own, or "
    "a queue with workers. More threads help as long as that work waits rather than computes."
)


def advice(peers: list[Wait], *, other: bool) -> tuple[str, bool]:
    """The next step, and whether it is to have more threads, of which it can be told what they bring. peers: whom its
    threads wait for; other: no request waits for what they do."""
    if full(peers):
        return ADVICE, False
    if peers and max(peers, key=lambda one: one.share).peer.endswith(NAMES_PORT):
        return LOOKUPS, False
    more = "Make the pool bigger, or make the call asynchronous; then the wait shorter."
    return OTHERWISE if other else more, True


def brings(s: Signals, name: str, times: float) -> float:
    """Today's capacity times so much, where requests are in this service so many times shorter. Those that are
    elsewhere meanwhile (of other users, at other services) are so for as long as before (Little's law)."""
    here = s.edges.into(name)
    every = max(s.edges.into(s.meta.target), here)
    return round(every / (every - here + here / times), 2) if here > 0 and name != s.meta.target else round(times, 2)
