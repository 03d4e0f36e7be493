"""Workers that are held by connections on which nothing is asked."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Entity
from loadlab.rules import Found
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread


def prefork(*, waiting: float = 32.0, caller: float = 1.0, outstanding: float = 32.8) -> Builder:
    """Recorded of Apache's mpm_prefork with 8 processes and KeepAlive, and 40 users who pause a second."""
    worker = Thread(0.0, 0.0, {"socket_wait": 1.0}, "idle_accept")
    built = Builder().service("stand", *[Proc(cores=0.0, threads=[worker]) for _ in range(8)], ports=(8000,))
    built.target = "stand"
    for series in list(built.series["threads.samples"]):
        of = series.entity
        for name, share in (("caller", caller), ("127.0.0.1:5432", 1 - caller)):
            built.counter("waits.samples", Entity("wait", "stand", 0, of.pid, of.tid, name), 50.0 * share)
    built.load(8, growth=1.0).generator().host(idle=1.9)
    built.edge("generator", "stand", outstanding=outstanding, connections=40)
    listener = Entity("listener", "stand", name="127.0.0.1:8000")
    for name, value in (("accept_queue", waiting), ("accept_queue_max", waiting), ("backlog", 511.0)):
        built.gauge(f"sockets.{name}", listener, value)
    built.gauge("sockets.established", listener, 8 + waiting)
    return built


CASES = [
    (prefork(), True, "recorded"),
    (prefork(waiting=0.0, outstanding=0.8), False, "nobody waits for a worker"),
    (prefork(outstanding=39.5), False, "each has a request: the caller reads, or sends, slowly"),
    (prefork(caller=0.2), False, "they wait for a database"),
]


@pytest.mark.parametrize(("built", "held", "why"), CASES, ids=[each[2] for each in CASES])
def test_workers_that_are_held_by_kept_connections(built: Builder, held: bool, why: str) -> None:
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found), found
    (fault,) = found.faults
    assert ("all 8 workers of stand are held by connections that are kept open" in fault.sentence) == held
    assert fault.remedy.startswith("Close kept connections sooner") == held
    assert fault.gain == (5.0 if held else 2.0)


def test_workers_that_have_accepted_ahead_are_counted_and_not_their_connections() -> None:
    """Recorded of PHP's own server with four processes: each accepts a second connection before it serves the first."""
    built = prefork(waiting=7.0, caller=0.05, outstanding=15.6)
    for name, value in (("established", 16.0 + 7.0), ("accept_queue", 7.0)):
        for series in built.series[f"sockets.{name}"]:
            series.v[:] = value
    found = ask(units("rules")["worker_pool_exhausted"], Signals(built.recording()))
    assert isinstance(found, Found), found
    assert found.faults[0].sentence == "all 8 workers of stand are taken, and wait"
