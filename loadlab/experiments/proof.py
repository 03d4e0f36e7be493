"""Who is tried: each service that runs, and the load generator; somebody else's only where the user said so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from loadlab.clock import SYSTEM, Clock
from loadlab.experiments.slow_down import Candidate, Cutter, Guardian, run
from loadlab.recording.writer import Recorder
from loadlab.services import Target
from loadlab.spec.model import Spec

GENERATOR = "generator"


class Watched(Protocol):
    """What this needs of services._watched.Watched."""

    def now(self) -> tuple[Target, ...]:
        """All targets alive."""
        ...

    def pids(self, service: str) -> Sequence[int]:
        """Every process of a service now, children included."""
        ...


class Proof:
    """The slow-down experiment on a system. wanted: None tries what loadlab itself started, True attached services too,
    False nothing."""

    def __init__(
        self,
        spec: Spec,
        watched: Watched,
        load: Cutter,
        recorder: Recorder,
        guardian: Guardian,
        wanted: bool | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self._spec = spec
        self._watched = watched
        self._load = load
        self._recorder = recorder
        self._guardian = guardian
        self._wanted = wanted
        self._clock = clock

    def run(self, budget_s: float) -> None:
        """Try each candidate for about `budget_s` seconds in all; see slow_down.run."""
        if self._wanted is False:
            return
        run(
            self.candidates(),
            self._load,
            self._recorder,
            self._clock,
            budget_s,
            self._guardian,
            slow_attached=self._wanted is True,
        )

    def candidates(self) -> list[Candidate]:
        """Services that have processes here, in the order of the spec, and the generator."""
        alive = {each.service for each in self._watched.now()}
        foreign = {each.service for each in self._watched.now() if each.attached}
        names = [each.name for each in self._spec.service if each.name in alive]
        return [
            Candidate(name, partial(self._watched.pids, name), attached=name in foreign) for name in (*names, GENERATOR)
        ]
