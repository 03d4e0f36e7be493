"""Who waits for whom, told from connections and thread states."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Entity
from loadlab.signals import Missing, Signals
from loadlab.signals.waiting import Waiting
from tests.build import Builder, Proc, Thread, loop

SEEDS = pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.1, 2), (0.3, 3)])


def chained(noise: float = 0.0, seed: int = 1) -> Builder:
    """app waits for a store on 12 of its 16 requests; the store for an address outside on all."""
    built = Builder(noise=noise, seed=seed).service("app", Proc(cores=0.1, busy=0.1), uses=("store",))
    built.service("store", Proc(cores=0.05, busy=0.1), role="database")
    built.load(100.0).generator(0.1).host()
    built.edge("generator", "app", outstanding=16).edge("app", "store", outstanding=12)
    return built.edge("store", "10.0.0.9:5432", outstanding=11.5)


def waiting(built: Builder) -> Waiting:
    return Signals(built.recording()).waiting


@SEEDS
def test_the_chain_goes_where_most_requests_wait_and_ends_outside(noise: float, seed: int) -> None:
    found = waiting(chained(noise, seed))
    assert found.chain == ("app", "store", "10.0.0.9:5432")
    first = found.of("app")[0]
    assert (first.to, first.requests) == ("store", pytest.approx(12, rel=0.1))
    assert first.share == pytest.approx(0.75, rel=0.1)
    assert not first.outside and found.of("store")[0].outside


def test_fewer_than_half_do_not_carry_the_chain_on() -> None:
    built = Builder().service("app", Proc(), uses=("store",)).service("store", Proc()).load().generator().host()
    built.edge("generator", "app", outstanding=16).edge("app", "store", outstanding=3)
    assert waiting(built).chain == ("app",)


def test_a_circle_ends() -> None:
    built = Builder().service("app", Proc(), uses=("store",)).service("store", Proc()).load().generator().host()
    built.edge("generator", "app", outstanding=16).edge("app", "store", outstanding=12)
    assert waiting(built.edge("store", "app", outstanding=7)).chain == ("app", "store")


def standing(peer: str, share: float) -> Builder:
    thread = Thread(0.05, 0.0, {"running": 0.05, "file_io": share, "idle_epoll": 0.95 - share}, "idle_epoll")
    built = Builder().service("app", Proc(cores=0.05, threads=[thread])).load().generator().host()
    built.edge("generator", "app", outstanding=16)
    entity = next(each.entity for each in built.recording().series("threads.samples", service="app"))
    built.counter("waits.samples", Entity("wait", "app", 0, entity.pid, entity.tid, peer), 50.0 * share)
    return built


def test_threads_that_stand_on_a_file_are_counted() -> None:
    wait = waiting(standing("file:/srv/app/<b>orders.log", 0.6)).of("app")[0]
    assert wait.to == "file:/srv/app/<b>orders.log" and wait.requests is None
    assert wait.threads == pytest.approx(0.6, rel=0.05)


def test_to_wait_for_the_clients_next_request_is_to_wait_for_work() -> None:
    assert not waiting(standing("127.0.0.1:43210", 0.6)).of("app")


@pytest.mark.parametrize(("state", "name"), [("futex", "lock"), ("sleep", "sleep")])
def test_a_serving_thread_that_stands_on_its_own_lock(state: str, name: str) -> None:
    process = Proc(cores=0.05, threads=[loop(0.05, blocked={state: 0.9})])
    built = Builder().service("app", process).load().generator().host().edge("generator", "app", outstanding=16)
    found = waiting(built)
    assert found.chain == ("app", name)
    assert found.of("app")[0].threads == pytest.approx(0.9, rel=0.05)


def test_without_connections_nobody_knows() -> None:
    with pytest.raises(Missing):
        waiting(Builder().service("app", Proc()).load().generator().host())
