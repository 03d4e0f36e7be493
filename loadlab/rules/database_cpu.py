"""The database uses up the cores, with reads that are planned well

What: the database has most of the CPU of a machine without idle cores, or all it is allowed, for statements that use
their indexes.
Why: there is no more CPU for it here; more connections only take turns.
Fix: spare it questions (a cache), spread reads over replicas, or give it a bigger machine of its own.
Not: missing_index, n_plus_one: a statement to mend comes before more hardware.
Python: cache reads, route them to a replica (a second engine, Django's database routers).
Node: cache reads, route them to a replica (a second Pool, Prisma's read replicas).
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.pressure import FULL_HOST, OF_CPU, Pressure

BRANCH = "database"
STEP = "read_replicas"
RANK = 57
AT_LIMIT = True
ELASTIC = True
LIFTS = ("quota",)
SPARES = True
NEEDS = ("databases", "pressure")
USES = ()

COMPUTING = 0.5
"""Share of the sessions in a statement that wait for nothing but a core."""

READS = 0.5
"""Share of the time in statements that only read, from which on replicas can take it."""


def check(s: Signals) -> Verdict:
    """Each database that fills the machine."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    found = [fault for name in s.databases.services for fault in _service(s, s.pressure[name])]
    return Found(tuple(found)) if found else Clear("the database does not use up the cores with well-planned reads")


def _service(s: Signals, pressure: Pressure) -> list[Fault]:
    name = pressure.service
    statements = s.databases.run_by(name)
    total = sum(each.seconds for each in statements)
    computing, active = s.databases.sessions(name, "on_cpu"), s.databases.sessions(name, "active")
    if not pressure.full or not total or active < 1 or computing < COMPUTING * active:
        return []
    if any(s.databases.scanned_in_vain(each) for each, _ in s.databases.dominant(name)):
        return []  # an index comes first
    reads = sum(each.seconds for each in statements if not each.writes) / total
    return [_fault(s, pressure, computing, reads)] if reads >= READS else []


def _room(pressure: Pressure) -> Evidence:
    if pressure.quota is not None:
        return Evidence("quota", pressure.quota, f"it used up the {pressure.quota:g} cores each server is allowed")
    return Evidence("host_idle", pressure.host_idle, f"{percent(pressure.host_idle)} of the cores idle", FULL_HOST)


def _fault(s: Signals, pressure: Pressure, computing: float, reads: float) -> Fault:
    name = pressure.service
    top = s.databases.run_by(name)[0]
    return Fault(
        name,
        f"{name} uses up the cores with reads, most of all {top.shown}",
        (
            Evidence("of_cpu", pressure.of_cpu, f"it took {percent(pressure.of_cpu)} of the system's CPU", OF_CPU),
            _room(pressure),
            Evidence("on_cpu", computing, f"{computing:.1f} sessions at a time wanted a core", COMPUTING),
            Evidence("reads", reads, f"{percent(reads)} of the time in statements was reading", READS),
            Evidence("statement", top.seconds, f"most of it, {top.mean_ms:.1f} ms a call: {top.text}"),
        ),
        "Cache answers or spread reads over replicas; then a bigger machine.",
        strength=pressure.of_cpu,
        signals=2,
    )
