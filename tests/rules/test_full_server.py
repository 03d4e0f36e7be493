"""A database server without a connection left, whose clients ask again and tell nobody: what its log says of them."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import ErrorKind, Level, RequestInterval
from loadlab.rules import Clear, Found
from loadlab.signals import Signals
from tests.databases import Pg, behind_app

BOTH = ("connection_pool_exhausted", "database_connections")
BY_KEY = "SELECT * FROM things WHERE id = $1"


@pytest.mark.parametrize(
    ("peak", "refused", "expected"),
    [
        (17, 9.0, Found),
        (17, 0.0, Clear),
        # One pool tries now and then to grow beyond what there is: one in five hundred requests.
        (17, 0.4, Clear),
        # A role with a limit of its own is refused, and the server has room.
        (9, 40.0, Clear),
    ],
)
def test_no_request_fails_while_a_full_server_refuses(peak: float, refused: float, expected: type) -> None:
    server = Pg(
        {"connections": peak, "active": 3, "on_cpu": 1}, {BY_KEY: (90, 0.1, 1, 4)}, limit=17, peak=peak, refused=refused
    )
    found = ask(units("rules")["database_connections"], Signals(behind_app(server).recording()))
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert [each.metric for each in found.faults[0].evidence] == ["connections", "refused"]


@pytest.mark.parametrize(("refused", "kind"), [(0.05, "database_connections"), (0.0, "connection_pool_exhausted")])
def test_a_pool_that_the_server_itself_keeps_small_gets_no_advice_to_grow(refused: float, kind: str) -> None:
    """As recorded: three pools of twelve before a server that allows thirteen. They ask for more ever more rarely."""
    sessions = {"connections": 8, "active": 0.1, "idle_in_transaction": 7.8}
    built = behind_app(Pg(sessions, {BY_KEY: (90, 0.1, 1, 4)}, limit=8, peak=8, refused=refused), waiting=0.1)
    built.edge("app", "carrier", outstanding=7)
    found = {each: ask(units("rules")[each], Signals(built.recording())) for each in BOTH}
    assert [each for each in BOTH if isinstance(found[each], Found)] == [kind]
    told = found[kind]
    assert isinstance(told, Found)
    assert told.faults[0].remedy.startswith("Ask carrier before or after the transaction, not in it; then ")
    assert ("pooler" in told.faults[0].remedy) is (refused > 0)


@pytest.mark.parametrize(
    ("refused_ever", "failed_ever", "fails", "expected"),
    [
        # As recorded: with 40 users one request of 250 was refused, 29 in all, as the server's log says.
        (29, 29, 2, Found),
        # Other things fail, and a few are turned away.
        (9, 40, 2, Clear),
        # A pool was refused when it opened, before any load that lasted.
        (29, 29, 0, Clear),
    ],
)
def test_few_requests_that_fail_are_the_full_servers_where_its_log_has_as_many(
    refused_ever: float, failed_ever: int, fails: int, expected: type
) -> None:
    server = Pg(
        {"connections": 12, "active": 3}, {BY_KEY: (90, 0.1, 1, 4)}, limit=12, peak=12, refused=refused_ever / 40
    )
    built = behind_app(server)
    built.errors.append(ErrorKind("GET /", "HTTP 500", failed_ever, 39.0, 41.0, ""))
    built.levels.append(Level(40, 39.0, 41.0, phase="more_users"))
    for at in (39.0, 40.0):
        built.requests.append(RequestInterval(at, at + 1, "GET /", "fail", fails, 90.0, 5, 9, 20, 30))
        built.requests.append(RequestInterval(at, at + 1, "GET /", "ok", 500, 9000.0, 5, 9, 20, 30))
    found = ask(units("rules")["database_connections"], Signals(built.recording()))
    assert isinstance(found, expected), found
    if isinstance(found, Found):
        assert found.faults[0].evidence[1].says == "29 requests failed in this run"
