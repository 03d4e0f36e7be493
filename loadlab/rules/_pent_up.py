"""Part of lock_contention: requests pile up in a service behind the first one, whose event loop has time left, and are
neither at anybody else nor in a thread."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, percent
from loadlab.rules._line import LOOP, ONE, TAKEN, manner
from loadlab.signals import Signals
from loadlab.signals.pileups import PileUp

WAITING = 3.0
"""Requests that wait for nothing that is seen: of fewer, one may be on its way."""

UNREAD = 0.2
"""Share of the looks at which the loop had not read what was sent to it, up to which it has time for all of it."""

ALL = 0.9
"""Share of the connections to another service that are in use, from which on what lets so few through may be the pool
they come from."""

SERVERS = frozenset({"balancer", "cache", "database", "queue"})
"""Roles whose programs are not the user's to change, and tell themselves what they wait for."""


def pent_up(s: Signals, name: str) -> list[Fault]:
    """In an event loop: one of its requests at a time is worked on at most, here or elsewhere, and the rest wait. Were
    it several, they could be those that have a connection, each held for longer than it is used."""
    more = next((each for each in s.pileups if each.service == name), None)
    theirs = any(one.name == name and one.role in SERVERS for one in s.meta.services)
    mine = s.workers.of(name)
    loops = [s.threads.polling(name, each.entity.pid) for each in mine]
    if more is None or theirs or not mine or any(busy is None or busy > LOOP for busy in loops):
        return []
    asked = s.edges.out_of(name)
    out = sum(edge.outstanding for edge in asked)
    threads = sum(each.at_work + each.queueing for each in mine if each.loop_busy is not None)
    worked = out + threads + sum(busy or 0.0 for busy in loops)
    full = any(edge.outstanding >= ALL * edge.connections > 0 for edge in asked)
    if worked > ONE or more.inside[1] - worked < WAITING or full or (s.edges.unread(name) or 0.0) > UNREAD:
        return []
    return [_fault(more, worked, max(busy or 0.0 for busy in loops))]


def _fault(more: PileUp, worked: float, busy: float) -> Fault:
    name, (few, many) = more.service, more.users
    # Somebody is at work nearly all of the time where a lock is what they wait for: else nobody's work is.
    what, advice = manner(at_work=worked, elsewhere=worked if worked >= TAKEN else 0.0)
    says = (
        f"with {many} users {more.per_s[1]:.0f} calls/s came and {more.inside[1]:.0f} requests were in it, "
        f"with {few} users {more.per_s[0]:.0f} and {more.inside[0]:.0f}"
    )
    idle = f"its event loop had time left: busy {percent(busy)}"
    return Fault(
        name,
        f"requests in {name} wait for each other: {what}",
        (
            Evidence("inside", more.inside[1], says),
            Evidence("worked", worked, f"{worked:.1f} of them were worked on at a time, here or elsewhere", ONE),
            Evidence("loop_busy", busy, idle, LOOP),
        ),
        advice,
        strength=min(1.0, 1.0 - worked / more.inside[1]),
        signals=2,
    )
