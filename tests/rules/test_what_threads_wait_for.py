"""What threads wait for decides what to do: the reader of a pipe, a server of names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.rules import Found
from loadlab.signals import Signals
from tests.build import Builder, Proc, Thread, loop
from tests.rules.test_file_rules import app
from tests.rules.test_software_limits import locked

STANDS = {"file_io": 0.97, "running": 0.02}
WORKER = Thread(0.02, 0.0, STANDS, "idle_accept")
POOL = [loop(0.02, idle=0.98), *[Thread(0.02, 0.0, {**STANDS, "futex": 0.01}, "futex") for _ in range(3)]]


def system(threads: list[Thread], peer: str) -> Builder:
    return app(Proc(cores=0.05, threads=threads), waits_for=peer)


@pytest.mark.parametrize(
    ("kind", "threads"),
    [
        ("event_loop_blocked", [loop(0.03, blocked={"file_io": 0.97})]),
        ("worker_pool_exhausted", [WORKER]),
        ("thread_pool_exhausted", POOL),
    ],
)
def test_the_reader_of_a_full_pipe_is_where_to_look(kind: str, threads: list[Thread]) -> None:
    for peer, full in (("full pipe", True), ("pipe", False)):
        found = ask(units("rules")[kind], Signals(system(threads, peer).recording()))
        assert isinstance(found, Found)
        (fault,) = found.faults
        assert fault.remedy.startswith("Let the reader of the pipe keep up") == full
        assert (fault.gain is None) == full, "how quick the reader can be is not known"
        assert any("whoever reads the pipe that it writes to" in each.says for each in fault.evidence) == full


def test_a_loop_in_a_full_pipe_is_said_to_write() -> None:
    built = system([loop(0.03, blocked={"file_io": 0.97})], "full pipe")
    found = ask(units("rules")["event_loop_blocked"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert found.faults[0].sentence == "the event loop of app is blocked by writes into a full pipe"


@pytest.mark.parametrize(("peer", "lookups"), [("10.0.0.2:53", True), ("10.0.0.2:5353", False)])
def test_threads_that_look_up_names(peer: str, lookups: bool) -> None:
    found = ask(units("rules")["thread_pool_exhausted"], Signals(system(POOL, peer).recording()))
    assert isinstance(found, Found)
    (fault,) = found.faults
    assert fault.remedy.startswith("Keep connections open") == lookups
    assert (fault.gain is None) == lookups, "how much a kept connection spares is not known"
    assert any(each.says == "mostly waiting for a name server (10.0.0.2:53)" for each in fault.evidence) == lookups


@pytest.mark.parametrize(
    ("unknown", "says"),
    [(0.05, "in a call to catalogue at least 55% of the time"), (0.0, "in a call to catalogue 55% of the time")],
)
def test_of_connections_for_one_call_a_share_is_a_least(unknown: float, says: str) -> None:
    """Recorded of Rust: of a connection that lives for ten milliseconds the end is often not known any more."""
    built = locked()
    threads = [each.entity for each in built.series["threads.samples"] if each.entity.service == "app"]
    for each in threads:
        for name, share in (("catalogue/0", 0.55 / len(threads)), ("socket", unknown)):
            built.counter("waits.samples", replace(each, kind="wait", name=name), 50.0 * share)
    found = ask(units("rules")["lock_contention"], Signals(built.recording()))
    assert isinstance(found, Found)
    assert any(says in each.says for each in found.faults[0].evidence), found.faults[0].evidence
