"""The primary's writes are the limit, and its replicas cannot help

What: the primary is fully used by statements that change something, while its replicas have little to do.
Why: every write goes through the one primary, and is done again by each replica: more replicas take no write away.
Fix: write less and in batches, put a queue in front; then divide the data among several primaries (shards).
Not: database_cpu: there reads fill it, and replicas help.
Python: bulk writes; a queue before them; shards by tenant.
Node: multi-row writes; a queue before them; shards by tenant.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.databases import Server

BRANCH = "database"
STEP = "shard"
RANK = 29
AT_LIMIT = True
ELASTIC = False
NEEDS = ("databases", "pressure")
USES = ()

AT_WORK = 0.5
"""Sessions in a statement on the primary, on average: below, it has hardly ever anything to do."""

IDLE = 0.25
"""Sessions in a statement on a replica over those on the primary: below, it could take far more."""

WRITES = 0.5
"""Share of the primary's time in statements that change something."""


def check(s: Signals) -> Verdict:
    """Each primary with replicas."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    found = [fault for name in s.databases.services for fault in _service(s, name)]
    return Found(tuple(found)) if found else Clear("no primary is full of writes while its replicas idle")


def _service(s: Signals, name: str) -> list[Fault]:
    servers = s.databases.of(name)
    primary = next((each for each in servers if not each.replica), None)
    replicas = [each for each in servers if each.replica]
    if primary is None or not replicas or not s.pressure[name].decides:
        return []
    active = primary.sessions["active"]
    busiest = max(each.sessions["active"] for each in replicas)
    statements = [each for each in s.databases.statements if (each.service, each.instance) == (name, primary.instance)]
    total = sum(each.seconds for each in statements)
    writes = sum(each.seconds for each in statements if each.writes) / total if total else 0.0
    if active < AT_WORK or busiest > IDLE * active or writes < WRITES:
        return []
    return [_fault(name, primary, busiest, writes, len(replicas))]


def _fault(name: str, primary: Server, busiest: float, writes: float, replicas: int) -> Fault:
    active = primary.sessions["active"]
    return Fault(
        name,
        f"the primary of {name} is full of writes, and its {replicas} replicas cannot take them",
        (
            Evidence("active", active, f"{active:.1f} of its sessions were in a statement", AT_WORK),
            Evidence("writes", writes, f"{percent(writes)} of that time it was writing", WRITES),
            Evidence("replicas", busiest, f"the busiest replica: {busiest:.1f} sessions in a statement", IDLE * active),
        ),
        "Batch writes or queue them; then divide the data among several primaries.",
        instance=primary.instance,
        strength=writes,
        signals=2,
    )
