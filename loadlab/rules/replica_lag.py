"""Replicas fall behind

What: what a replica shows is older than it may be: it has much of its primary's log still to apply.
Why: a replica applies the log in one process, and reads on it compete with that; who reads there sees the past.
Fix: fewer writes for each replica (shards, batches), shorter queries on it, more CPU and disk; read what must be fresh
from the primary.
Not: a slow primary: there writes wait; reads that are slow without a lag: a replica's CPU.
Python: read one's own writes from the primary (using('default')); fewer, larger transactions.
Node: read one's own writes from the primary; fewer, larger transactions.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict
from loadlab.signals import Signals
from loadlab.signals.databases import BEHIND_BYTES, OLD_S, Server

BRANCH = "database"
STEP = "fewer_writes_per_replica"
RANK = 54
AT_LIMIT = False
ELASTIC = False
NEEDS = ("databases",)
USES = ()


def check(s: Signals) -> Verdict:
    """Every replica."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    late = [each for each in s.databases.servers if each.is_late]
    return Found(tuple(map(_fault, late))) if late else Clear("no replica is far behind")


def _fault(server: Server) -> Fault:
    age, behind = server.lag_s or 0.0, (server.lag_bytes or 0.0) / 1e6
    growing = f", {server.lag_growth / 1e6:.1f} MB more each second" if server.lag_growth > 0 else ""
    return Fault(
        server.service,
        f"replica {server.instance} of {server.service} is {age:.1f} s behind its primary",
        (
            Evidence("lag_s", age, f"what it showed was {age:.1f} s old", OLD_S),
            Evidence("lag_bytes", behind * 1e6, f"it had {behind:.1f} MB of log still to apply{growing}", BEHIND_BYTES),
        ),
        "Write less for each replica, keep queries on it short, and read what must be fresh from the primary.",
        instance=server.instance,
        strength=min(1.0, max(age / 10, behind * 1e6 / (10 * BEHIND_BYTES))),
        signals=2 if server.lag_growth > 0 and age >= OLD_S else 1,
    )
