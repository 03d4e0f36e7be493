"""A database server without a connection left, whose clients ask again and tell nobody: what its log says of them."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
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
