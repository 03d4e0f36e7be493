"""Who is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.clock import FakeClock
from loadlab.experiments.proof import Proof
from loadlab.recording.model import Meta
from loadlab.recording.reader import read
from loadlab.recording.writer import Recorder
from loadlab.services import Target
from loadlab.spec.model import Attach, ServiceSpec, Spec

SPEC = Spec(
    name="x",
    service=(
        ServiceSpec(name="app", command=("a",)),
        ServiceSpec(name="theirs", attach=Attach(port=8000)),
        ServiceSpec(name="far", attach=Attach(url="http://127.0.0.1:9")),
    ),
)


class Watched:
    def now(self) -> tuple[Target, ...]:
        return Target("generator", 0, 3), Target("app", 0, 1), Target("theirs", 0, 2, attached=True)

    def pids(self, service: str) -> list[int]:
        return {"app": [10, 11], "theirs": [20], "generator": [30]}[service]


class Guardian:
    alive = False

    def candidate(self, pid: int) -> None:
        raise AssertionError("nothing may be slowed here")


class Load:
    def cut(self) -> None:
        raise AssertionError("nothing may be tried here")


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder.create(tmp_path, Meta(1, "x", "", "0", "a", (), {}, {}), FakeClock(), 0.0)


def test_candidates_are_what_runs_here_and_the_generator(recorder: Recorder) -> None:
    found = Proof(SPEC, Watched(), Load(), recorder, Guardian()).candidates()
    recorder.close()
    assert [(each.name, list(each.pids()), each.attached) for each in found] == [
        ("app", [10, 11], False),
        ("theirs", [20], True),
        ("generator", [30], False),
    ]


def test_not_wanted_is_not_even_a_note(recorder: Recorder) -> None:
    Proof(SPEC, Watched(), Load(), recorder, Guardian(), wanted=False).run(20)
    Proof(SPEC, Watched(), Load(), recorder, Guardian(), wanted=None).run(20)
    recorder.close()
    assert [each.kind for each in read(recorder.folder).events] == ["note"]
