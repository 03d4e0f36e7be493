"""Part of lock_contention: a lock held while one computes, in a runtime that spreads work over threads by itself (Go's,
tokio's), so that no thread is seen in line for it. One worker that all hand their work to looks the same."""

from __future__ import annotations

from loadlab.rules import Evidence, Fault, at, blame, percent
from loadlab.rules._line import CPU_TOLD, computes_in, native, one_at_a_time
from loadlab.signals import Signals
from loadlab.signals.workers import Workers

ONE_CORE = (0.85, CPU_TOLD)
"""Cores of the process while one at a time computes: handing the lock over takes some, reading and answering adds."""

INSIDE = 3.0
"""Requests that are in the process and nowhere behind it, as in lock_contention."""

UNREAD = 0.3
"""Share of the looks at which some request was not yet read. Of a program that may use one core only (GOMAXPROCS=1)
whoever waits waits there: 1.0 was seen. Behind a lock 0.0: another thread reads."""

BINDING = 0.7
"""Elasticity of what limits, as in diagnosis/rank.py."""

SERVERS = frozenset({"balancer", "cache", "database", "queue"})
"""Roles whose programs are not the user's to change."""


def computing(s: Signals, each: Workers) -> list[Fault]:
    """It uses one core, another idles, its threads take turns, and requests that it has read wait in it."""
    name = each.entity.service
    turns = [one for one in s.threads.of(name, each.entity.pid) if one.serves == "epoll"]
    away = sum(edge.outstanding for edge in s.edges.out_of(name))
    unread = s.edges.unread(name)
    if len(turns) < 2 or unread is None or unread > UNREAD or each.inside - away < INSIDE:
        return []
    theirs = any(one.name == name and one.role in SERVERS for one in s.meta.services)
    if theirs or not native(s, each) or not ONE_CORE[0] <= each.cores <= ONE_CORE[1]:
        return []
    alone = one_at_a_time(s, each) or _elastic(s, name)
    if not alone:
        return []
    inside, where = f"{each.inside:.0f} requests were in {name} at a time", blame(computes_in(s, name))
    return [
        Fault(
            name,
            f"requests in {name} wait for each other: one at a time computes{at(where)}, under a lock or in a single "
            "worker",
            (
                Evidence("inside", each.inside, inside, INSIDE),
                Evidence("unread", unread, f"all of them had been read {percent(1 - unread)} of the time", UNREAD),
                Evidence("process_cores", each.cores, f"it used {each.cores:.2f} cores", ONE_CORE[1]),
                Evidence("idle_cores", s.host.idle, f"{s.host.idle:.1f} of {s.host.cores} cores were idle"),
                *alone,
            ),
            "Compute before or after the lock, and hold it for the shared data only, or give each thing a lock of its "
            "own; let as many workers compute as there are cores.",
            instance=each.entity.instance,
            pid=each.entity.pid or None,
            where=where,
            strength=min(1.0, 1.0 - 1.0 / each.inside),
            signals=2,
        )
    ]


def _elastic(s: Signals, name: str) -> list[Evidence]:
    proof = s.elasticity.get(name)
    if proof is None or proof.value < BINDING or proof.low <= 0:
        return []
    says = f"slowing it by {percent(proof.share)} cost {proof.value:.2f} of that in throughput"
    return [Evidence("elasticity", proof.value, says, BINDING)]
