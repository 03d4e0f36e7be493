"""Which candidates the proof slows, and whether it may: everything loadlab started, attached processes only if told
to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from loadlab.clock import Clock
from loadlab.experiments import slow_down
from loadlab.recording.writer import Recorder
from loadlab.services import Target


class Watched(Protocol):
    """What this needs of services._watched.Watched."""

    def now(self) -> tuple[Target, ...]:
        """All targets alive."""
        ...

    def pids(self, service: str) -> list[int]:
        """Every process of a service now."""
        ...


class Proof:
    """The slow-down experiment of one run. prove: see flow.Options."""

    def __init__(
        self,
        watched: Watched,
        generator: slow_down.Cutter,
        recorder: Recorder,
        clock: Clock,
        guardian: slow_down.Guardian,
        prove: bool | None,
    ) -> None:
        self._watched = watched
        self._generator = generator
        self._recorder = recorder
        self._clock = clock
        self._guardian = guardian
        self._prove = prove

    @property
    def experiment(self) -> Callable[[float], None] | None:
        """To be called with the seconds it may take; None where none is to be made."""
        wanted = [each for each in self._watched.now() if each.service != "loadlab" and self._may(each)]
        services = {each.service for each in wanted if each.service != "generator"}
        return self._run if services and self._prove is not False else None

    def _may(self, target: Target) -> bool:
        return not target.attached or self._prove is True

    def _run(self, budget_s: float) -> None:
        targets = {each.service: each for each in self._watched.now() if each.service != "loadlab"}
        candidates = [
            slow_down.Candidate(name, partial(self._watched.pids, name), each.attached)
            for name, each in targets.items()
        ]
        slow_down.run(
            candidates,
            self._generator,
            self._recorder,
            self._clock,
            budget_s,
            self._guardian,
            slow_attached=self._prove is True,
        )
