"""The experiment on real processes: two services, one behind the other, under a closed loop of 16 connections."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.experiments.slow_down import Candidate, run
from loadlab.recording import reader
from loadlab.recording.model import Meta
from loadlab.recording.writer import Recorder
from loadlab.signals.elasticity import Elasticity, elasticities, total

pytestmark = pytest.mark.real

BUDGET_S = float(os.environ.get("LOADLAB_PROOF_S", "9"))


ATTEMPTS, WIDE = 3, 0.8


class Watching:
    """Stands for the guardian, which has tests of its own: remembers whom it was told of."""

    alive = True

    def __init__(self) -> None:
        self.known: set[int] = set()

    def candidate(self, pid: int) -> None:
        self.known.add(pid)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def prove(tmp_path: Path, system: Any, budget_s: float = BUDGET_S) -> dict[str, Elasticity]:
    t0 = SYSTEM.monotonic()
    guardian = Watching()
    meta = Meta(1, "pair", "", "0", "a", (), {}, {})
    with Recorder.create(tmp_path, meta, SYSTEM, t0) as recorder:
        recorder.phase("proof")
        generator = system.load(recorder, t0)
        SYSTEM.sleep(1.0)
        candidates = [
            Candidate("a", lambda: [system.a]),
            Candidate("b", lambda: [system.b]),
            Candidate("generator", lambda: [generator.pid]),
        ]
        run(candidates, generator, recorder, SYSTEM, budget_s, guardian, seed=1)
        assert guardian.known == {system.a, system.b, generator.pid}
        assert "T" not in {state(pid) for pid in guardian.known}
    return elasticities(reader.read(recorder.folder))


@pytest.mark.parametrize(("a_ms", "b_ms", "culprit"), [(3.0, 1.0, "a"), (1.0, 4.0, "b")])
def test_the_slow_one_has_elasticity_near_one(
    tmp_path: Path, pair: Any, a_ms: float, b_ms: float, culprit: str
) -> None:
    system = pair(a_ms, b_ms)
    for attempt in range(ATTEMPTS):
        # A wide interval, or none, is the experiment's own word that the machine was too restless, or too slow for its
        # rounds; it is asked again, for longer, and only a narrow one is held to.
        found = prove(tmp_path / str(attempt), system, BUDGET_S * (attempt + 1))
        told = found.get(culprit)
        if told is not None and told.high - told.low < WIDE:
            break
    assert set(found) == {"a", "b", "generator"}
    assert all(0.18 < each.share < 0.32 for each in found.values())
    # What is promised is the interval: on a restless machine it is wide, but it must not exclude the truth.
    assert found[culprit].high > 0.7, found
    assert all(each.low < 0.3 for name, each in found.items() if name != culprit), found
    if all(each.high - each.low < WIDE for each in found.values()):
        assert found[culprit].value > 0.6, found
        assert max(each.value for name, each in found.items() if name != culprit) < 0.4, found
        assert 0.6 < (total(found) or 0.0) < 1.5, found
