"""The experiment's course, on a made-up clock and a made-up system; nothing is really stopped."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from loadlab.clock import FakeClock
from loadlab.experiments.counting import Count
from loadlab.experiments.pulse import PulseError, Spans, stood
from loadlab.experiments.slow_down import LONGEST_S, MIN_ROUNDS, WINDOW_S, Candidate, order, run, window_s
from loadlab.load import LoadInterval
from loadlab.recording.model import Event, Meta, Recording
from loadlab.recording.reader import read
from loadlab.recording.writer import Recorder
from loadlab.signals.elasticity import elasticities


class World:
    """A system whose throughput depends on who is being stopped. It is guardian, generator and pulse at once."""

    def __init__(self, clock: FakeClock, recorder: Recorder, culprit: int, rate: float = 300.0) -> None:
        self.clock, self.recorder, self.culprit, self.rate = clock, recorder, culprit, rate
        self.alive = True
        self.known: list[int] = []
        self.stopped: set[int] = set()
        self.share = 0.0
        self.cuts = 0
        self.broken_after: int | None = None
        self._begun = self._cut = clock.now

    def candidate(self, pid: int) -> None:
        self.known.append(pid)

    def cut(self) -> None:
        self.cuts += 1
        start, end = self._cut - self.recorder.t0, self.recorder.now()
        self._cut = self.clock.now
        held = self.share if self.culprit in self.stopped else 0.0
        done = round(self.rate * (end - start) * (1 - held))
        self.recorder.interval(LoadInterval(start, end, 16, 16, done, done, 0, 0, 0))

    def start(self, pidfds: Sequence[int], share: float) -> None:
        if self.broken_after is not None and len(self.known) > self.broken_after:
            raise PulseError("gone")
        self.stopped, self.share, self._begun = {pid_of(each) for each in pidfds}, share, self.clock.now
        assert self.stopped <= set(self.known), "the guardian must know before anything is stopped"

    def stop(self) -> Spans:
        share, now = self.share, self.clock.now
        self.stopped, self.share = set(), 0.0
        beats = round((now - self._begun) / 0.02)
        return [(self._begun + n * 0.02, self._begun + (n + share) * 0.02) for n in range(beats)]


def pid_of(pidfd: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
    return int(next(each for each in lines if each.startswith("Pid:")).split()[1])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(50.0)


@pytest.fixture
def recorder(tmp_path: Path, clock: FakeClock) -> Iterator[Recorder]:
    with Recorder.create(tmp_path, Meta(1, "x", "", "0", "a", (), {}, {}), clock, 50.0) as made:
        yield made


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Three processes that do nothing, so that there are real pidfds."""
    made = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(3)]
    yield [each.pid for each in made]
    for each in made:
        each.communicate()


def result(recorder: Recorder) -> Recording:
    recorder.close()
    return read(recorder.folder)


def slowed(recording: Recording) -> list[Event]:
    return [each for each in recording.events if each.kind == "slowed"]


def notes(recording: Recording) -> list[str]:
    return [each.data["text"] for each in recording.events if each.kind == "note"]


def candidates(pids: Sequence[int]) -> list[Candidate]:
    return [Candidate(f"service-{n}", lambda pid=pid: [pid]) for n, pid in enumerate(pids)]


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_culprit_is_found(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=children[1])
    before = descriptors()
    began = clock.now
    run(candidates(children), world, recorder, clock, 20.0, world, pulse=world)
    assert clock.now - began < 20.5
    assert descriptors() == before
    assert set(world.known) == set(children)
    found = elasticities(result(recorder))
    assert found["service-1"].value == pytest.approx(1.0, abs=0.05)
    assert found["service-0"].value == pytest.approx(0.0, abs=0.05)
    assert all(each.rounds >= MIN_ROUNDS and each.share == pytest.approx(0.25, abs=0.02) for each in found.values())


def test_every_slowed_window_lies_between_undisturbed_ones(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)
    run(candidates(children), world, recorder, clock, 20.0, world, pulse=world, seed=3)
    names = [each.data["candidate"] for each in slowed(result(recorder))]
    assert names[0] == names[-1] == ""
    assert all((name == "") != (after == "") for name, after in pairwise(names))
    rounds = [tuple(names[at + 1 : at + 7 : 2]) for at in range(0, len(names) - 6, 6)]
    assert all(set(each) == {"service-0", "service-1", "service-2"} for each in rounds)
    assert len(set(rounds)) > 1


def test_the_start_of_each_window_is_not_counted(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=0)
    run(candidates(children), world, recorder, clock, 20.0, world, pulse=world)
    windows = slowed(result(recorder))
    gaps = [b.data["start"] - a.data["end"] for a, b in pairwise(windows)]
    assert min(gaps) >= 0.119


def test_without_a_guardian_nothing_is_stopped(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=0)
    world.alive = False
    run(candidates(children), world, recorder, clock, 20.0, world, pulse=world)
    assert world.known == []
    found = result(recorder)
    assert slowed(found) == []
    assert "guardian" in notes(found)[0]


def test_attached_processes_are_left_alone_unless_told(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)
    foreign = [Candidate("theirs", lambda: children, attached=True)]
    run(foreign, world, recorder, clock, 5.0, world, pulse=world)
    assert world.known == []
    run(foreign, world, recorder, clock, 5.0, world, pulse=world, slow_attached=True)
    assert set(world.known) == set(children)
    assert "nothing that may be slowed" in notes(result(recorder))[0]


def test_a_service_is_slowed_as_a_whole_with_children_that_came_later(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)
    grown = [children[0]]

    def pids() -> list[int]:
        found = list(grown)
        grown[:] = children if len(world.known) > 2 else grown
        return found

    run([Candidate("cluster", pids)], world, recorder, clock, 10.0, world, pulse=world)
    assert set(world.known) == set(children)


def test_this_process_and_its_parents_are_never_touched(clock: FakeClock, recorder: Recorder) -> None:
    world = World(clock, recorder, culprit=0)
    run([Candidate("me", lambda: [os.getpid(), os.getppid(), 1])], world, recorder, clock, 5.0, world, pulse=world)
    assert world.known == []
    assert {each.data["candidate"] for each in slowed(result(recorder))} == {""}


def test_a_pid_that_changed_hands_is_not_touched(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=0)
    answers = [[children[0]], []] * 100
    run([Candidate("gone", lambda: answers.pop(0))], world, recorder, clock, 5.0, world, pulse=world)
    assert world.known == []


def test_processes_that_are_gone_are_passed_over(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=0)
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    run([Candidate("half", lambda: [done.pid, children[0]])], world, recorder, clock, 5.0, world, pulse=world)
    assert set(world.known) == {children[0]}


def test_a_pulse_that_dies_ends_the_experiment_and_keeps_what_was_seen(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)
    world.broken_after = 4
    before = descriptors()
    run(candidates(children), world, recorder, clock, 20.0, world, pulse=world)
    assert descriptors() == before
    found = result(recorder)
    assert "broken off" in notes(found)[-1]
    assert len(slowed(found)) > 4


def test_a_guardian_that_dies_ends_the_experiment(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=0)

    class Dying:
        def __init__(self) -> None:
            self.asked = 0

        @property
        def alive(self) -> bool:
            self.asked += 1
            return self.asked < 4

        def candidate(self, pid: int) -> None:
            world.candidate(pid)

    run(candidates(children), world, recorder, clock, 20.0, Dying(), pulse=world)
    found = result(recorder)
    assert "guardian" in notes(found)[-1]
    assert len([each for each in slowed(found) if each.data["candidate"]]) == 2


def test_an_error_in_the_middle_gives_every_descriptor_back(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)

    class Broken:
        def cut(self) -> None:
            world.cut()
            if world.cuts == 5:
                raise KeyboardInterrupt

    before = descriptors()
    with pytest.raises(KeyboardInterrupt):
        run(candidates(children), Broken(), recorder, clock, 20.0, world, pulse=world)
    assert descriptors() == before


def test_a_generator_that_cannot_cut_gives_no_windows_rather_than_wrong_ones(
    clock: FakeClock, recorder: Recorder, children: list[int]
) -> None:
    world = World(clock, recorder, culprit=0)

    class Deaf:
        cuts = 0

        def cut(self) -> None:
            self.cuts += 1
            if self.cuts % 5 == 0:
                world.cut()

    run(candidates(children), Deaf(), recorder, clock, 10.0, world, pulse=world)
    assert slowed(result(recorder)) == []


def test_slow_systems_get_longer_windows_within_the_budget() -> None:
    fast, slow = Count(200, 0, 0.5, 16), Count(10, 0, 0.5, 2)
    assert window_s(fast, 4, 30.0, 0.12) == WINDOW_S
    assert window_s(slow, 2, 60.0, 0.12) == LONGEST_S
    assert WINDOW_S < window_s(slow, 4, 20.0, 0.12) == pytest.approx(20 / 16 - 0.12)
    assert window_s(slow, 40, 20.0, 0.12) == WINDOW_S
    assert window_s(None, 4, 20.0, 0.12) == WINDOW_S


def test_long_round_trips_get_longer_windows() -> None:
    assert window_s(Count(100, 0, 0.5, 60), 2, 60.0, 0.3) == pytest.approx(1.5)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_a_round_has_every_candidate_once(count: int) -> None:
    names = [f"n{each}" for each in range(count)]
    found = order(names, random.Random(1))
    assert sorted(each for each in found if each) == names
    assert found[0] == ""
    apart = 1 if count <= 3 else 2
    assert found.count("") == -(-count // apart)


def test_many_candidates_still_get_their_rounds(clock: FakeClock, recorder: Recorder, children: list[int]) -> None:
    world = World(clock, recorder, culprit=children[0])
    many = [Candidate(f"n{n}", lambda pid=children[n % 3]: [pid]) for n in range(6)]
    began = clock.now
    run(many, world, recorder, clock, 20.0, world, pulse=world)
    assert clock.now - began <= 20.0 * 1.5 + 1
    assert min(each.rounds for each in elasticities(result(recorder)).values()) >= MIN_ROUNDS


def test_the_share_counts_only_what_lies_inside() -> None:
    spans = [(0.0, 1.0), (2.0, 3.0), (9.0, 11.0)]
    assert stood(spans, 0.5, 10.0) == pytest.approx((0.5 + 1 + 1) / 9.5)
    assert stood([], 0, 1) == 0
    assert stood(spans, 5, 5) == 0
