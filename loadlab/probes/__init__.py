"""4 WHAT IS WATCHED. A unit = METRICS + open + a pure parse; `_sampler` is the one loop that drives them all.

A unit of this family has:

    ENTITY: str                     the kind of Entity its rows are about
    INTERVAL_S: float               how often it reads by default
    METRICS: tuple[Metric, ...]     the columns of its table in samples.sqlite, in order
    def open(targets: Targets, proc: Path = Path("/proc")) -> Source

Probes record raw counters; signals/ derives. A read that fails raises; the sampler records the failure and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from loadlab.recording.model import Entity, Metric

UNIT = ("ENTITY", "INTERVAL_S", "METRICS", "open")

Row = tuple[Entity, tuple[float | None, ...]]
"""An entity and its values in the order of METRICS; None where the source could not tell."""


class Source(Protocol):
    """An open probe."""

    def read(self, t: float) -> Iterable[Row]:
        """The rows of this tick. `t` is seconds since the run's start."""
        ...

    def close(self) -> None:
        """Give back descriptors."""
        ...


class Sink(Protocol):
    """Where rows go: the recorder, or a list in a test."""

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        """The columns of a probe's rows, before the first of them."""
        ...

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        """One good tick."""
        ...

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        """One tick that raised."""
        ...
