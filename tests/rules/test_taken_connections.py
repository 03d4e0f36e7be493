"""What the connections of a database's pool are taken by, and so what to do first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Found
from loadlab.signals import Signals
from tests.build import Builder, Proc
from tests.databases import behind_app
from tests.rules.test_database_rules import HELD, asleep_in_the_server, held_connections


@pytest.mark.parametrize(
    ("out", "held", "named"),
    [(3.5, 3.7, True), (0.4, 3.7, False), (12.0, 3.7, False), (3.5, 0.1, False)],
    ids=["as many", "few: the client computes", "more than transactions", "connections are in statements"],
)
def test_what_open_transactions_wait_for_comes_out_of_them_first(out: float, held: float, named: bool) -> None:
    """A call to another service between the first statement and the commit; of 16 requests four have a connection."""
    sessions = {"connections": 4, "active": 3.8 - held, "on_cpu": 0.1, "idle_in_transaction": held}
    built = behind_app(replace(HELD, sessions=sessions), waiting=0.2, app=Proc(cores=0.1, busy=0.15))
    built.service("rail", Proc(cores=0.02, busy=0.05)).edge("app", "rail", outstanding=out, connections=16)
    found = ask(units("rules")["connection_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert named == ("taken by transactions that wait for rail" in fault.sentence)
    assert named == fault.remedy.startswith("Ask rail before or after the transaction")


def test_behind_a_pooler_transactions_are_those_of_its_callers() -> None:
    """Recorded of Go before PgBouncer, whose two connections are held while another service is asked."""
    sessions = {"connections": 2, "active": 0.0, "on_cpu": 0.0, "idle_in_transaction": 1.9}
    built = behind_app(replace(HELD, sessions=sessions), waiting=0.2, app=Proc(cores=0.02, busy=0.05))
    built.service("fares", Proc(cores=0.04, busy=0.1)).service("rates", Proc(cores=0.02, busy=0.05))
    built.edge("fares", "app", outstanding=8, connections=16).edge("fares", "rates", outstanding=1.6, connections=2)
    found = ask(units("rules")["connection_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert "from app to db are taken by transactions that wait for rates" in found.faults[0].sentence


@pytest.mark.parametrize(
    ("built", "advice"),
    [
        (
            asleep_in_the_server(0.0),
            "Make the pool bigger: db has room for more at a time. Then the statement quicker: SE",
        ),
        (held_connections(0.0), "Give connections back before slow work"),
    ],
    ids=["in a statement", "between two statements"],
)
def test_connections_that_are_in_a_statement_cannot_be_given_back(built: Builder, advice: str) -> None:
    found = ask(units("rules")["connection_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert found.faults[0].remedy.startswith(advice)
    says = [each.says for each in found.faults[0].evidence if "most of that time in one statement, 46 ms" in each.says]
    assert bool(says) == advice.startswith("Make")
