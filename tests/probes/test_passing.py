"""Threads that come and go, counted together."""

from __future__ import annotations

from loadlab.probes._passing import FEWEST, MOST, OFTEN, Passing
from loadlab.probes._syscalls import Doing
from loadlab.probes._tree import Member
from loadlab.services import Target

PID = 40
MEMBER = Member(Target("app", 0, PID), PID, 1)


def found(*tids: int) -> dict[tuple[int, int], Member]:
    return {(PID, tid): MEMBER for tid in tids}


def a_server_with_a_thread_for_each_request(there: list[int]) -> Passing:
    """Its main thread, and in each tick two others than before."""
    passing = Passing(lambda _: there)
    for tick in range(4):
        passing.refresh(found(PID, 100 + 2 * tick, 101 + 2 * tick))
    return passing


def test_threads_that_end_within_a_tick_or_two_are_told_together() -> None:
    passing = a_server_with_a_thread_for_each_request([])
    assert PID in passing.crowds
    assert passing.refresh(found(PID, 200, 201)) == {(PID, PID)}


def test_one_that_stays_is_told_by_itself() -> None:
    passing = a_server_with_a_thread_for_each_request([])
    for _ in range(2):
        passing.refresh(found(PID, 200))
    assert passing.refresh(found(PID, 200)) == {(PID, PID), (PID, 200)}


def test_a_pool_is_no_crowd_nor_is_a_helper_of_the_start() -> None:
    passing = Passing(lambda _: [])
    helpers = list(range(1, FEWEST))
    for extra in (helpers, [], [], []):
        threads = found(PID, *range(100, 140), *extra)
        assert passing.refresh(threads) == set(threads)
    assert not passing.crowds


def test_a_process_that_ends_takes_its_crowd_along_and_is_no_end_of_its_threads() -> None:
    passing = a_server_with_a_thread_for_each_request([])
    passing.refresh({})
    assert not passing.crowds
    other = Passing(lambda _: [])
    other.refresh(found(*range(10)))
    other.refresh({})
    other.refresh(found(*range(10)))
    assert not other.crowds


def test_looks_weigh_all_that_are_there_and_not_those_told_by_themselves() -> None:
    passing = a_server_with_a_thread_for_each_request([PID, 300, 301, 302])
    doing = {300: Doing("running"), 301: Doing("futex"), 302: None}
    for _ in range(2 * OFTEN):
        passing.round({(PID, PID)}, lambda _, tid: doing[tid])
    crowd = passing.crowds[PID]
    assert (crowd.looks, crowd.alive, crowd.samples) == (2, 6, 4)
    assert crowd.states == {"running": 2, "futex": 2}


def test_of_very_many_some_are_looked_at_and_all_are_counted() -> None:
    passing = a_server_with_a_thread_for_each_request(list(range(1000, 1000 + 3 * MOST)))
    for _ in range(OFTEN):
        passing.round((), lambda _, tid: Doing("socket_wait", f"peer{tid}"))
    crowd = passing.crowds[PID]
    assert (crowd.alive, crowd.samples) == (3 * MOST, MOST) and crowd.peers.total() == MOST
