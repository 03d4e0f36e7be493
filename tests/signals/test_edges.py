"""How many requests are outstanding, where the clocks of a connection cannot tell."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Entity
from loadlab.signals import Signals
from tests.build import Builder, Proc, loop


def shared(unit: str, *, busy: float = 0.08, blocked: float = 0.0) -> Builder:
    """Recorded of Node: one connection to Redis, asked 550 times a second; each look finds a question on it."""
    built = Builder()
    built.service("ledger", Proc(cores=0.3)).service("store", Proc(threads=[loop(busy, idle=1 - busy)]), unit=unit)
    built.load().generator().host().edge("ledger", "store/0", outstanding=1.0, connections=1)
    built.gauge("redis.blocked_clients", Entity("redis", "store"), blocked)
    return built


@pytest.mark.parametrize(
    ("built", "outstanding"),
    [
        (shared("redis"), 0.08),
        (shared("redis", busy=1.0), 1.0),
        (shared("redis", blocked=1.0), 1.0),
        (shared("command"), 1.0),
    ],
    ids=["nothing-to-do", "busy", "waits-for-others", "may-wait-itself"],
)
def test_nothing_is_outstanding_where_one_thread_that_does_it_all_has_nothing_to_do(
    built: Builder, outstanding: float
) -> None:
    edge = Signals(built.recording()).edges.between("ledger", "store")
    assert edge is not None
    assert edge.outstanding == pytest.approx(outstanding, abs=0.02)
    assert edge.alone == pytest.approx(outstanding, abs=0.02)
