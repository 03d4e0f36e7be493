"""Commits wait until the log has reached the disk

What: most sessions that are in a statement wait for the write-ahead log: for its way to the disk, or to a synchronous
replica.
Why: a commit is not done before it is durable; commits that are small and many take a way to the disk each.
Fix: several changes in one transaction, COPY or multi-row INSERT, a queue in front; a faster disk. What may be lost in
a crash can do without the wait: synchronous_commit = off for those transactions.
Not: row_lock: there sessions wait for each other; a full disk queue by reads: there commits are quick.
Python: one transaction for many rows (executemany, bulk_create); a queue before the writes.
Node: one transaction for many rows (a multi-row INSERT); a queue before the writes.
"""

from __future__ import annotations

from loadlab.rules import Clear, Evidence, Fault, Found, Verdict, percent
from loadlab.signals import Signals
from loadlab.signals.pressure import Pressure

BRANCH = "database"
STEP = "batch_commits"
RANK = 28
AT_LIMIT = True
ELASTIC = False
LIFTS = ("connections",)
COVERS = ("disk_io",)
NEEDS = ("databases", "pressure", "stations")
USES = ()

WAITING = 0.5
"""Share of the sessions in a statement that wait for the log: past half, waiting is what they mostly do."""

FEWEST = 0.5
"""Sessions that wait, on average: below, there is hardly ever a queue."""

OF_REQUESTS = 0.3
"""Share of the requests that wait for the log at any moment, from which on sparing them that is felt: without it the
same requests take a third less time."""


def check(s: Signals) -> Verdict:
    """Each database by what its sessions wait for."""
    if not s.databases.services:
        return Clear("no database that loadlab started")
    found = [_fault(s, name) for name in s.databases.services if _waits(s, name)]
    return Found(tuple(found)) if found else Clear("sessions hardly ever wait for the log")


def _waits(s: Signals, name: str) -> bool:
    waiting, active = s.databases.sessions(name, "wal"), s.databases.sessions(name, "active")
    # Without a core to spare, whoever holds the log waits for a core, and the rest for whoever holds it.
    pressure = s.pressure[name]
    much = pressure.decides or waiting >= OF_REQUESTS * _served(s, pressure) > 0
    return waiting >= FEWEST and waiting >= WAITING * active and much and not pressure.full


def _served(s: Signals, pressure: Pressure) -> float:
    """Requests in the caller that are not in line for one of its connections: who waits for one waits for what those
    do that have one. Where the caller has no time left, nobody knows where the others wait."""
    room = not any(each.full for each in s.stations.of(pressure.caller))
    return min(pressure.inside, pressure.connections) if room else pressure.inside


def _fault(s: Signals, name: str) -> Fault:
    waiting, active = s.databases.sessions(name, "wal"), s.databases.sessions(name, "active")
    commits = sum(each.commits for each in s.databases.of(name) if not each.replica)
    writing = [each for each in s.databases.run_by(name) if each.writes]
    pressure = s.pressure[name]
    in_line = (
        f"{_served(s, pressure):.0f} of {pressure.inside:.0f} requests in {pressure.caller} had a connection to it"
    )
    evidence = [
        Evidence(
            "waiting_sessions",
            waiting,
            f"{waiting:.1f} of {active:.1f} sessions in a statement waited for the log ({percent(waiting / active)})",
            WAITING,
        ),
        Evidence("commits", commits, f"{commits:,.0f} transactions a second were committed"),
        Evidence("pressure", pressure.waited, pressure.says if pressure.decides else in_line),
    ]
    if writing:
        evidence.append(Evidence("statement", writing[0].calls, f"{writing[0].calls:,.0f} a second: {writing[0].text}"))
    return Fault(
        name,
        f"commits in {name} wait for the disk: {commits:,.0f} a second",
        tuple(evidence),
        "Make several changes in one transaction; synchronous_commit = off where a crash may lose the last of them.",
        strength=waiting / active,
        signals=2,
    )
