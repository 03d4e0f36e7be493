"""Many small statements for each request

What: the application runs one and the same small statement many times for each request, with another value each time.
Why: each is a way to the database and back. Their number grows with the rows shown, and no index makes them fewer.
Fix: ask once: a join, WHERE id = ANY(...), eager loading or prefetching of the ORM, a data loader that batches.
Not: missing_index: there few statements, each slow; a chatty page: there the statements differ.
Python: selectinload or joinedload in SQLAlchemy; select_related or prefetch_related in Django.
Node: include in Prisma; one WHERE id = ANY($1); DataLoader in GraphQL resolvers.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, at, blame, counted, percent
from loadlab.signals import Signals
from loadlab.signals.databases import Server, Statement

BRANCH = "database"
STEP = "join"
RANK = 27
AT_LIMIT = True
ELASTIC = False
LIFTS = ()
SPARES = True
NEEDS = ("databases", "pressure", "latency")
USES = ("querying",)

MANY = 5.0
"""Runs of one statement for each request. Two or three questions are asked in many good handlers; from five on, most
ask for each row of something."""

SMALL_MS = 5.0
"""Time of one run in the server: what takes longer is slow by itself, and another rule's."""

FEW_ROWS = 20.0
"""Rows of one run: a page of results is no single row's detail."""

IN_DRIVER = 0.30
"""Share of the application's CPU spent inside its ORM and its database driver, from which on the number of calls is
what costs."""

FEWEST = 20.0
"""Runs per second: fewer are no load."""

ONCE = (
    "Ask once for all of them: a join, WHERE id = ANY(...), the ORM's eager loading, or a data loader that gathers "
    "what one request asks for."
)
AGAIN = (
    "Where it is asked again until the replica shows what was written, read that from the primary. Where each time "
    "something else is asked for, ask once for all of them (a join, WHERE id = ANY(...))."
)
"""What to do; of a replica that is late."""


def check(s: Signals) -> Verdict:
    """Each database, where what is done with it decides or costs the caller its CPU."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    requests = s.latency.rps + s.latency.failed_rps
    found = []
    for name in s.databases.services:
        many = sorted(_repeated(s, name, requests), key=lambda each: -each.seconds)
        if many and (s.pressure[name].decides or _in_driver(s, name) >= IN_DRIVER):
            found.append(_fault(s, many, many[0].calls / requests))
    return Found(tuple(found)) if found else Clear("no small statement is run many times for each request")


def _repeated(s: Signals, name: str, requests: float) -> list[Statement]:
    return [
        each
        for each in s.databases.run_by(name)
        if each.calls >= max(FEWEST, MANY * requests)
        and not each.writes
        and each.mean_ms <= SMALL_MS
        and each.rows <= FEW_ROWS
    ]


def _in_driver(s: Signals, name: str) -> float:
    return s.querying.of(s.pressure[name].caller).cpu_share


def _fault(s: Signals, many: list[Statement], times: float) -> Fault:
    statement, *others = many
    pressure = s.pressure[statement.service]
    caller = pressure.caller or s.meta.target
    where = blame(s.querying.line(caller))
    evidence = [
        Evidence("calls_per_request", times, f"{times:.0f} times for each request: {statement.text}", MANY),
        Evidence("mean_ms", statement.mean_ms, f"one takes the server {statement.mean_ms:.2f} ms", SMALL_MS),
        Evidence("calls", statement.calls, f"{statement.calls:,.0f} of them a second"),
    ]
    if others:
        says = f"{counted(len(others), 'more statement')} as small, asked as often, such as: {others[0].shown}"
        evidence.append(Evidence("others", len(others), says))
    if pressure.decides:
        evidence.append(Evidence("pressure", pressure.waited, pressure.says))
    share = _in_driver(s, statement.service)
    if share >= IN_DRIVER:
        evidence.append(
            Evidence("in_driver", share, f"{percent(share)} of {caller}'s CPU goes into asking (ORM, driver)")
        )
    late = _late(s, statement)
    if late is not None:
        says = f"it is replica {late.instance} that is asked, which shows what was {late.lag_s or 0.0:.1f} s ago"
        evidence.append(Evidence("lag_s", late.lag_s or 0.0, says))
    return Fault(
        caller,
        f"{caller} asks {statement.service} {times:.0f} times for each request{at(where)}: {statement.shown}",
        tuple(evidence),
        AGAIN if late is not None else ONCE,
        where=where,
        strength=min(1.0, times / 20),
        signals=2,
        limits=late is None,
    )


def _late(s: Signals, statement: Statement) -> Server | None:
    """The replica that runs it, where that is late: who waits there for what was written asks for it again and again,
    and the number of questions is the lag's doing."""
    where = (statement.service, statement.instance)
    return next((each for each in s.databases.servers if (each.service, each.instance) == where and each.is_late), None)
