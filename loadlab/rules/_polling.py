"""Part of lock_contention: requests that ask a store again and again until a lock kept there is free."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame
from loadlab.rules._line import one_at_a_time
from loadlab.rules._refuser import again_of, refused
from loadlab.rules._standing import standing
from loadlab.signals import Signals
from loadlab.signals.calls import POLLING
from loadlab.signals.workers import Workers


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
