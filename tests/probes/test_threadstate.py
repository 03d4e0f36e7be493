"""What threads do, in a folder laid out as /proc is: who is looked at, and what is known without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadlab.probes._threadstate import MOST, RARELY, Engine, ThreadCount
from loadlab.probes._tree import Member
from loadlab.services import Target

PID = 40
FUTEX = "202 0x7f01 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd10 0x7f22"
EPOLL = "232 0x4 0x7f01 0x400 0xffffffff 0x0 0x8 0x7ffd10 0x7f22"


class Tree:
    def members(self, _t: float) -> tuple[Member, ...]:
        return (Member(Target("app", 0, PID), PID, 1),)


class Proc:
    """A process's threads, as files."""

    def __init__(self, folder: Path, *tids: int) -> None:
        self.folder = folder
        for tid in tids:
            self.task(tid).mkdir(parents=True)
            self.write(tid, FUTEX, 1)

    def task(self, tid: int) -> Path:
        return self.folder / str(PID) / "task" / str(tid)

    def write(self, tid: int, syscall: str, runs: int) -> None:
        (self.task(tid) / "syscall").write_text(syscall)
        (self.task(tid) / "schedstat").write_text(f"{1000 * runs} 500 {runs}\n")
        (self.task(tid) / "comm").write_text("pool\n")


def engine(proc: Proc) -> Engine:
    nobody: Any = None
    tree: Any = Tree()
    made = Engine(tree, nobody, proc.folder)
    made.refresh(0.0)
    made.settle()
    return made


def tick_of(made: Engine, rounds: int) -> None:
    for _ in range(rounds):
        made.round()


def tick(made: Engine, t: float, rounds: int = 2 * RARELY) -> dict[int, ThreadCount]:
    tick_of(made, rounds)
    made.refresh(t)
    made.settle()
    return {each.tid: each for each in made.threads()}


def test_one_that_does_not_run_is_known_to_be_where_it_was(tmp_path: Path) -> None:
    proc = Proc(tmp_path, 50, 51)
    made = engine(proc)
    for t in (1.0, 2.0, 3.0):
        proc.write(51, FUTEX, 10 * int(t))
        found = tick(made, t)
    assert [each.samples for each in found.values()] == [60, 60]
    assert [each.states for each in found.values()] == [{"futex": 60}, {"futex": 60}]
    assert (found[50].still, found[51].still) == (True, False)
    proc.write(50, EPOLL, 1)  # nobody looks: only the rare looks would see it
    assert tick(made, 4.0, RARELY)[50].states["futex"] == 60


def test_one_that_ran_since_is_what_it_was_seen_doing(tmp_path: Path) -> None:
    proc = Proc(tmp_path, 50)
    made = engine(proc)
    tick(made, 1.0)
    before = tick(made, 2.0)[50].states["futex"]
    proc.write(50, EPOLL, 2)
    found = tick(made, 3.0)[50]
    assert before == 40 and found.states == {"futex": 40, "idle_epoll": 20}  # two looks, which stand for all
    assert not found.still
    assert tick(made, 4.0)[50].states == {"futex": 40, "idle_epoll": 40}


def test_work_now_and_then_counts_as_long_as_it_took(tmp_path: Path) -> None:
    """Every other tick it runs, half of the time of it: a quarter of all."""
    proc = Proc(tmp_path, 50)
    made = engine(proc)
    rounds = 4 * RARELY
    for t in range(1, 41):
        if t % 2:
            proc.write(50, "running", t)
            tick_of(made, rounds // 2)
        proc.write(50, FUTEX, t if t % 2 else t - 1)
        found = tick(made, float(t), rounds // 2 if t % 2 else rounds)[50]
    assert abs(found.states["running"] / found.samples - 0.25) < 0.02
    assert found.samples == pytest.approx(40 * rounds, rel=0.02)


def test_a_tick_without_a_look_adds_nothing(tmp_path: Path) -> None:
    proc = Proc(tmp_path, 50)
    made = engine(proc)
    for t in (1.0, 1.1, 1.2):
        assert tick(made, t, rounds=0)[50].samples == 0


def test_where_the_kernel_does_not_count_all_are_looked_at(tmp_path: Path) -> None:
    proc = Proc(tmp_path, 50)
    (proc.task(50) / "schedstat").unlink()
    made = engine(proc)
    for t in (1.0, 2.0):
        found = tick(made, t)[50]
    assert found.samples == 40 and not found.still and found.times is None


def test_of_very_many_those_that_run_are_looked_at_as_often_as_if_they_were_few(tmp_path: Path) -> None:
    proc = Proc(tmp_path, *range(100, 300))
    made = engine(proc)
    for t in (1.0, 2.0, 3.0, 4.0):
        for tid in range(100, 120):
            proc.write(tid, FUTEX, 10 * int(t))
        before = {each.tid: each.samples for each in made.threads()}
        found = tick(made, t)
    gained = {tid: each.samples - before[tid] for tid, each in found.items()}
    assert min(gained.values()) >= 2 * RARELY - 3


def test_of_very_many_that_run_whoever_takes_requests_is_looked_at_each_time(tmp_path: Path) -> None:
    proc = Proc(tmp_path, *range(100, 300))
    made = engine(proc)
    for t in (1.0, 2.0, 3.0, 4.0):
        for tid in range(100, 300):
            proc.write(tid, EPOLL if tid == 150 else FUTEX, 10 * int(t))
        before = {each.tid: each.samples for each in made.threads()}
        found = tick(made, t)
    gained = {tid: each.samples - before[tid] for tid, each in found.items()}
    others = [looks for tid, looks in gained.items() if tid != 150]
    assert gained[150] == 2 * RARELY
    assert max(others) - min(others) <= 1 and sum(others) == 2 * RARELY * (MOST - 1)
