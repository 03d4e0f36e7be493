"""A database server without a connection left, whose clients ask again and tell nobody: what its log says of them."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Clear, Found
from loadlab.signals import Signals
from tests.databases import Pg, behind_app

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
