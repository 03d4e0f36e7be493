"""Who is tried."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import FakeClock
from loadlab.experiments import slow_down
from loadlab.experiments.proof import Proof
from loadlab.recording.model import Meta
from loadlab.recording.writer import Recorder
from loadlab.services import Target

OWN = Target("loadlab", 0, 4)
LOAD = Target("generator", 0, 3)
APP = Target("app", 0, 1)
THEIRS = Target("theirs", 0, 2, attached=True)


class Watched:
    def __init__(self, *targets: Target) -> None:
        self.targets = targets

    def now(self) -> tuple[Target, ...]:
        return self.targets

    def pids(self, service: str) -> list[int]:
        return [10, 11] if service == "app" else [20]


class Guardian:
    alive = True

    def candidate(self, pid: int) -> None:
        raise AssertionError("nothing is slowed here")


class Load:
    def cut(self) -> None:
        raise AssertionError("nothing is tried here")


def proof(tmp_path: Path, prove: bool | None, *targets: Target) -> Proof:
    clock = FakeClock()
    with Recorder.create(tmp_path, Meta(1, "x", "", "0", "a", (), {}, {}), clock, 0.0) as recorder:
        return Proof(Watched(*targets), Load(), recorder, clock, Guardian(), prove)


def test_every_service_and_the_generator_are_tried_but_never_loadlab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(candidates: Sequence[slow_down.Candidate], *_: object, slow_attached: bool) -> None:
        seen.update({each.name: (list(each.pids()), each.attached) for each in candidates}, told=slow_attached)

    monkeypatch.setattr(slow_down, "run", run)
    experiment = proof(tmp_path, None, OWN, LOAD, APP, THEIRS).experiment
    assert experiment is not None
    experiment(20.0)
    assert seen == {"generator": ([20], False), "app": ([10, 11], False), "theirs": ([20], True), "told": False}


@pytest.mark.parametrize(
    ("prove", "targets", "made"),
    [
        (None, (LOAD, APP), True),
        (False, (LOAD, APP), False),
        (None, (LOAD, THEIRS), False),
        (True, (LOAD, THEIRS), True),
        (True, (LOAD, OWN), False),
    ],
)
def test_when_an_experiment_is_made(
    tmp_path: Path, prove: bool | None, targets: tuple[Target, ...], made: bool
) -> None:
    assert (proof(tmp_path, prove, *targets).experiment is not None) == made
