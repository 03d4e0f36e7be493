"""One statement reads far more rows than it wants

What: the statement that takes most of the database's time reads a whole table to find a few of its rows; in the order
of an index it may be, each row held against the condition.
Why: without an index that fits its condition, the server looks at every row, each time, and longer with each row added.
Fix: create an index on the columns of the condition (CREATE INDEX CONCURRENTLY where it is in use); EXPLAIN says
whether it is used. An ordinary one does not serve a pattern (LIKE '%text%', ILIKE, ~): for these a trigram index
(pg_trgm) or full text search, for a fixed beginning text_pattern_ops. ORDER BY random() is no index's order
at all: draw keys instead.
Not: n_plus_one: there many statements, each quick; database_cpu: there no single statement reads in vain.
Python: index=True in SQLAlchemy, Meta.indexes in Django, then a migration with CREATE INDEX CONCURRENTLY; for
icontains GinIndex with OpClass(Upper(...), "gin_trgm_ops").
Node: @@index in Prisma, table.index in Knex, then a migration with CREATE INDEX CONCURRENTLY.
"""

from __future__ import annotations

import re

from loadlab.rules import Clear, Evidence, Fault, Found, Unknown, Verdict, blame, percent
from loadlab.rules._index import columns
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

PATTERN = re.compile(r" ~~?\*? ")
"""LIKE, ILIKE and regular expressions, as a plan writes them; NOT LIKE has a ! before, and no index serves it."""

OFFSET = re.compile(r"\bOFFSET\b", re.IGNORECASE)
"""Pages further down read, and throw away, all rows before them, whatever index there is."""

BY_LOT = re.compile(r"\bORDER BY\b.*\b(?:random|gen_random_uuid|uuid_generate_v4) ?\(", re.IGNORECASE)
"""An order that is drawn anew for each call: no index has it, so that all rows are read and sorted for a few."""


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
        _remedy(scan),
        where=where,
        strength=share,
        signals=2,
    )


def _remedy(scan: Scan) -> str:
    if OFFSET.search(scan.text):
        return "Ask for the rows after the last one seen (WHERE key > $1 ORDER BY key): OFFSET reads all before them."
    if BY_LOT.search(scan.text) and not scan.condition:
        return (
            "Draw keys instead of sorting all rows by lot, an order that no index has: numbers between the least and "
            f"the largest key of {scan.table} (WHERE key = ANY($1)), TABLESAMPLE, or picks that a job renews."
        )
    fits = () if PATTERN.search(scan.condition) else columns(scan.condition)
    wanted = f"({', '.join(fits)})" if fits else f"for {scan.condition or 'this order'}"
    index = f"Create an index on {scan.table} {wanted}"
    if not PATTERN.search(scan.condition):
        return f"{index}, then look at the plan again (EXPLAIN)."
    return (
        f"{index}, one that serves a pattern, as an ordinary one does not: gin with gin_trgm_ops (CREATE EXTENSION "
        "pg_trgm) where it may be anywhere in the text, text_pattern_ops where it is its beginning; then look at the "
        "plan again (EXPLAIN)."
    )
