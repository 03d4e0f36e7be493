"""Kills at the worst moments: nothing may stay stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.experiments.held import Held
from loadlab.experiments.pulse import BeatProcess, PulseError, stood

pytestmark = pytest.mark.real

WITHIN_S = 1.0

EXPERIMENT = """
import sys
from loadlab.clock import SYSTEM
from loadlab.experiments.held import Held
from loadlab.experiments.pulse import BeatProcess
from loadlab.services._guardian import Guardian

pids = [int(each) for each in sys.argv[2:]]
with Guardian() as guardian, BeatProcess() as pulse:
    held = Held(guardian.candidate if sys.argv[1] == "guarded" else id, {guardian.pid})
    pulse.start(held.hold(lambda: pids), 0.25)
    print(pulse.pid, guardian.pid, flush=True)
    SYSTEM.sleep(60)
"""


def state(pid: int) -> str:
    """ "T" of a stopped process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def settled(pids: list[int]) -> bool:
    """Whether, within WITHIN_S, they all run and go on running for longer than any stop lasts."""
    deadline, calm = SYSTEM.monotonic() + WITHIN_S, 0
    while SYSTEM.monotonic() < deadline and calm < 40:
        calm = 0 if "T" in {state(each) for each in pids} else calm + 1
        SYSTEM.sleep(0.002)
    return calm >= 40


def stops(pids: list[int]) -> bool:
    """Whether they are seen stopped within two seconds: the experiment has really begun."""
    deadline = SYSTEM.monotonic() + 2
    while SYSTEM.monotonic() < deadline:
        if "T" in {state(each) for each in pids}:
            return True
    return False


@pytest.fixture
def children() -> Iterator[list[int]]:
    made = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(3)]
    yield [each.pid for each in made]
    for each in made:
        each.send_signal(signal.SIGCONT)
        each.communicate()


@pytest.fixture
def pidfds(children: list[int]) -> Iterator[list[int]]:
    opened = [os.pidfd_open(each) for each in children]
    yield opened
    for each in opened:
        os.close(each)


def ended(pid: int) -> bool:
    """Whether a process of the experiment's own is gone within two seconds."""
    deadline = SYSTEM.monotonic() + 2
    while SYSTEM.monotonic() < deadline:
        try:
            if state(pid) == "Z":
                return True
        except OSError:
            return True
        SYSTEM.sleep(0.02)
    return False


@pytest.mark.parametrize("seed", range(6))
def test_killing_loadlab_in_the_middle_continues_everything(children: list[int], seed: int) -> None:
    argv = [sys.executable, "-c", EXPERIMENT, "unguarded", *map(str, children)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        own = [int(each) for each in parent.stdout.readline().split()]
        assert stops(children)
        SYSTEM.sleep(random.Random(seed).uniform(0, 0.1))
        parent.kill()
    assert settled(children)
    assert all(ended(each) for each in own)


@pytest.mark.parametrize("seed", range(12))
def test_killing_the_child_and_loadlab_leaves_it_to_the_guardian(children: list[int], seed: int) -> None:
    argv = [sys.executable, "-c", EXPERIMENT, "guarded", *map(str, children)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        beat, guardian = (int(each) for each in parent.stdout.readline().split())
        assert stops(children)
        SYSTEM.sleep(random.Random(seed).uniform(0, 0.03))
        for pid in random.Random(seed).sample([beat, parent.pid], 2):
            os.kill(pid, signal.SIGKILL)
    assert settled(children)
    assert ended(beat)
    assert ended(guardian)


def test_terminating_the_child_continues_everything(children: list[int], pidfds: list[int]) -> None:
    with BeatProcess() as pulse:
        pulse.start(pidfds, 0.25)
        assert stops(children)
        os.kill(pulse.pid, signal.SIGTERM)
        assert settled(children)
        with pytest.raises(PulseError):
            pulse.stop()


def test_the_beat_is_as_long_as_asked_and_no_stop_is_long(children: list[int], pidfds: list[int]) -> None:
    with BeatProcess() as pulse:
        pulse.start(pidfds, 0.25)
        assert stops(children)
        start = SYSTEM.monotonic()
        SYSTEM.sleep(1.0)
        end = SYSTEM.monotonic()
        spans = pulse.stop()
        assert settled(children)
    assert stood(spans, start, end) == pytest.approx(0.25, abs=0.06)
    lengths = sorted(continued - stopped for stopped, continued in spans)
    assert lengths[len(lengths) // 2] < 0.007
    assert json.dumps(spans)


def test_a_second_window_starts_from_nothing(children: list[int], pidfds: list[int]) -> None:
    with BeatProcess() as pulse:
        pulse.start(pidfds[:1], 0.25)
        assert stops(children[:1])
        assert len(pulse.stop()) > 0
        pulse.start(pidfds[1:2], 0.25)
        assert stops(children[1:2])
        assert not stops(children[:1])
        assert len(pulse.stop()) > 10


@pytest.mark.parametrize("seed", range(4))
def test_killing_the_child_that_continues_is_made_good_at_the_end(children: list[int], seed: int) -> None:
    told: list[int] = []
    held = Held(told.append)
    with BeatProcess() as pulse:
        pulse.start(held.hold(lambda: children), 0.25)
        assert told == children
        assert stops(children)
        SYSTEM.sleep(random.Random(seed).uniform(0, 0.03))
        os.kill(pulse.pid, signal.SIGKILL)
    held.release()
    assert settled(children)
