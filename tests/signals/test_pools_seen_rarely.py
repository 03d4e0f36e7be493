"""Threads of a pool that the sampler has too little time for: each is known by what they all did."""

from __future__ import annotations

import pytest

from loadlab.recording.model import Entity
from loadlab.signals import threads
from tests.build import Builder, Proc, Thread, system

RARELY = 0.5
"""Looks a second: six in the window."""


PID = 8000


FIRST = "gunicorn: worker"[:15]


def pool(*names: str, each: float = RARELY) -> Builder:
    """A process with a first thread, and threads of these names: every other one stands in a futex for
    all of the time, the others run."""
    built = system(Proc(busy=0.3, cores=0.2))
    built.thread(Entity("thread", "app", 1, PID, PID, FIRST), Thread(share={"idle_epoll": 1.0}))
    for number, name in enumerate(names, 1):
        share = {"running": 1.0} if number % 2 else {"futex": 1.0}
        built.thread(Entity("thread", "app", 1, PID, PID + number, name), Thread(share=share), each)
    return built


def seen(built: Builder) -> dict[str, float]:
    states = threads.compute(built.recording()).all
    return {each.entity.name: each.share["futex"] for each in states if each.entity.tid > PID}


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([f"pool-1-thread-{n}"[:15] for n in range(1, 21)], "numbered, some cut in their number"),
        (["http-nio-8080-exec"[:15]] * 20, "cut before their number"),
    ],
)
def test_each_did_what_all_did_in_the_mean(names: list[str], why: str) -> None:
    built = pool(*names)
    found = threads.compute(built.recording()).all
    mine = [each for each in found if each.entity.tid > PID]
    assert len(mine) == 20, why
    assert {round(each.share["futex"], 2) for each in mine} == {0.5}
    assert {round(each.share["running"], 2) for each in mine} == {0.5}


def test_two_pools_of_one_process_are_two() -> None:
    built = pool(*(f"pool-{1 + n % 2}-thread-{1 + n // 2}"[:15] for n in range(40)))
    found = seen(built)
    assert {found[name] for name in found if name.startswith("pool-1")} == {0.0}
    assert {found[name] for name in found if name.startswith("pool-2")} == {1.0}


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["worker"] * 20, "no number: they may be anything"),
        (["pool-1-thread-1", "pool-1-thread-2"], "too few looks together"),
        ([FIRST] * 20, "called as the first thread is: nobody named them"),
    ],
)
def test_others_are_left_out(names: list[str], why: str) -> None:
    assert seen(pool(*names)) == {}, why


def test_who_was_seen_often_speaks_for_himself() -> None:
    found = seen(pool(*(f"pool-1-thread-{n}"[:15] for n in range(4)), each=5.0))
    assert sorted(found.values()) == [0.0, 1.0] or sorted(found.values()) == [0.0, 0.0, 1.0, 1.0]
