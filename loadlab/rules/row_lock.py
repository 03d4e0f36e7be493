"""Statements wait for each other's locks

What: most sessions that are in a statement wait until another transaction gives up a lock on a row or a table.
Why: what they wait for is done one after the other, however many connections, cores or replicas there are.
Fix: shorter transactions: nothing slow between the first change and the commit. Spread a row that everybody changes
over several, count through a queue, take what is free with SKIP LOCKED, or check a version instead of locking. Against
deadlocks, change rows in one order everywhere.
Not: connection_pool_exhausted: there sessions are idle; commit_fsync: there they wait for the disk, not for each
other.
Python: shorten the with-block of the transaction; FOR UPDATE SKIP LOCKED (with_for_update(skip_locked=True)); UPDATE
... SET n = n + 1.
Node: no awaits of other services inside a transaction; FOR UPDATE SKIP LOCKED; UPDATE ... SET n = n + 1.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, percent
from loadlab.rules._transactions import held_for
from loadlab.signals import Signals
from loadlab.signals.databases import Lock, shown

BRANCH = "database"
STEP = "shorter_transactions"
RANK = 28
AT_LIMIT = True
ELASTIC = False
LIFTS = ("connections",)
COVERS = ("slow_downstream",)  # who waits for the database waits for these locks
NEEDS = ("databases", "pressure")
USES = ("querying", "edges")

WAITING = 0.5
"""Share of the sessions in a statement that wait for a lock: past half, waiting is what they mostly do."""

FEWEST = 0.5
"""Sessions that wait, on average: below, there is hardly ever a queue."""

DEADLOCK_S = 1.0
"""deadlock_timeout, as it is by default: so long those in a circle stand, and all behind them, before the server looks
for one."""

CIRCLES = 0.5
"""Of them at a time, by Little's law, from which on they are what is to be mended: half of the time there is one."""

KINDS = {"transactionid": "row", "tuple": "row", "relation": "table", "advisory": "advisory", "extend": "table's end"}

ROWS = "Keep nothing slow between the first change and the commit, or spread what everybody changes."
CIRCLE = (
    "Change rows in the same order everywhere (sort their keys, or SELECT ... ORDER BY key FOR UPDATE first): those in "
    "a circle stand for deadlock_timeout, and then one of them begins anew."
)
ASKS = "Ask {} before or after the transaction, not in it: nobody else gets its locks meanwhile."
ADVISORY = (
    "Keep nothing slow while the lock is held (until the commit, one of a transaction), or give each thing a key."
)


def check(s: Signals) -> Verdict:
    """Each database by what its sessions wait for."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    found = [fault for name in s.databases.services for fault in _service(s, name)]
    return Found(tuple(found)) if found else Clear("sessions hardly ever wait for a lock")


def _service(s: Signals, name: str) -> list[Fault]:
    waiting, active = s.databases.sessions(name, "lock"), s.databases.sessions(name, "active")
    locks = [each for each in s.databases.locks if each.service == name]
    if waiting < FEWEST or waiting < WAITING * active or not s.pressure[name].decides:
        return []
    return [_fault(s, name, waiting, active, locks[0] if locks else None)]


def _fault(s: Signals, name: str, waiting: float, active: float, lock: Lock | None) -> Fault:
    where = blame(s.querying.line(s.pressure[name].caller))
    share = waiting / active
    evidence = [
        Evidence(
            "waiting_sessions",
            waiting,
            f"{waiting:.1f} of {active:.1f} sessions in a statement waited for a lock ({percent(share)})",
            WAITING,
        ),
        Evidence("on_cpu", s.databases.sessions(name, "on_cpu"), _computing(s, name)),
    ]
    kind, circles = "row", s.databases.deadlocks(name)
    circular = DEADLOCK_S * circles >= CIRCLES
    circle = ", in a circle" if circular else ""
    if circular:
        says = f"{circles:.1f} times a second the server ended a transaction to break a deadlock"
        evidence.insert(0, Evidence("deadlocks", circles, says, CIRCLES / DEADLOCK_S))
    if lock is not None:
        kind = KINDS.get(lock.what, lock.what)
        holder = f", held by a session that was {lock.state}, after: {lock.holder}" if lock.state else ""
        evidence.append(Evidence("lock", lock.sessions, f"most often for {kind} locks: {lock.waiting}{holder}"))
    to, seen = ("", []) if circular else held_for(s, s.pressure[name])
    evidence += seen
    held = f", held while {to} is asked" if to else ""
    said = f": {shown(lock.waiting)}" if lock is not None and lock.waiting else ""
    return Fault(
        name,
        f"statements in {name} wait for each other's {kind} locks{circle}{at(where)}{held}{said}",
        tuple(evidence),
        CIRCLE if circular else ASKS.format(to) if to else ADVISORY if kind == "advisory" else ROWS,
        where=where,
        strength=min(1.0, share),
        signals=2 if lock is not None else 1,
        step="same_order" if circular else None,
    )


def _computing(s: Signals, name: str) -> str:
    return f"only {s.databases.sessions(name, 'on_cpu'):.1f} sessions were computing; {name} has room"
