"""One statement reads far more rows than it wants

What: the statement that takes most of the database's time reads a whole table to find a few of its rows.
Why: without an index that fits its condition, the server looks at every row, each time, and longer with each row added.
Fix: create an index on the columns of the condition (CREATE INDEX CONCURRENTLY where it is in use); EXPLAIN says
whether it is used.
Not: n_plus_one: there many statements, each quick; database_cpu: there no single statement reads in vain.
Python: index=True in SQLAlchemy, Meta.indexes in Django, then a migration with CREATE INDEX CONCURRENTLY.
Node: @@index in Prisma, table.index in Knex, then a migration with CREATE INDEX CONCURRENTLY.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, blame, percent
from loadlab.signals import Signals
from loadlab.signals.databases import DOMINATES, MANY_ROWS, SELECTIVE, Scan, Statement

BRANCH = "database"
STEP = "index"
RANK = 26
AT_LIMIT = True
ELASTIC = True
LIFTS = ()
SPARES = True
NEEDS = ("databases", "pressure")
USES = ("querying",)

FEWEST = 2.0
"""Calls per second: fewer are no load."""


def check(s: Signals) -> Verdict:
    """Each database whose dominant statement scans."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    found: list[Fault] = []
    untold = ""
    for name in s.databases.services:
        top = [each for each in s.databases.dominant(name) if each[0].calls >= FEWEST]
        if not s.pressure[name].decides:
            continue
        faults = [_fault(s, one, scan, share) for one, share in top for scan in s.databases.scanned_in_vain(one)]
        found += faults[:1]
        if not faults:
            untold = untold or next((one.text for one, _ in top if one.text in s.databases.unplanned), "")
    if found:
        return Found(tuple(found))
    return Unknown(f"the server told no plan for {untold}") if untold else Clear("no statement reads rows in vain")


def _fault(s: Signals, statement: Statement, scan: Scan, share: float) -> Fault:
    name = statement.service
    where = blame(s.querying.line(s.pressure[name].caller))
    rows = f"{scan.passing:,.0f}"
    wanted = f"{scan.condition} holds for about {rows}" if scan.condition else f"it wants {rows}"
    evidence = (
        Evidence(
            "rows_read",
            scan.read,
            f"each call reads {scan.read:,.0f} rows of {scan.table} and returns {statement.rows:,.1f}",
            MANY_ROWS,
        ),
        Evidence(
            "passing_share",
            scan.passing / scan.rows,
            f"its plan reads all {scan.rows:,.0f} rows of {scan.table}; {wanted}",
            SELECTIVE,
        ),
        Evidence(
            "statement_share",
            share,
            f"{percent(share)} of the time in statements, {statement.mean_ms:.1f} ms a call: {statement.text}",
            DOMINATES,
        ),
        Evidence("pressure", s.pressure[name].at_work, s.pressure[name].says),
    )
    return Fault(
        name,
        f"{name} reads all of {scan.table} for each call of {statement.shown}",
        evidence,
        f"Create an index on {scan.table} for {scan.condition or 'this order'}, then look at the plan again (EXPLAIN).",
        where=where,
        strength=share,
        signals=2,
    )
