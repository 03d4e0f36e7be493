"""The sampler on a fake clock: schedules, lateness, and probes that fail."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from loadlab.clock import FakeClock
from loadlab.probes import Row
from loadlab.probes._sampler import Sampler
from loadlab.recording.model import Entity, Metric
from loadlab.services import Target


class Targets:
    def now(self) -> tuple[Target, ...]:
        return ()


class Sink:
    def __init__(self) -> None:
        self.good: list[tuple[str, float, float]] = []
        self.bad: list[tuple[str, str]] = []

    def declare(self, probe: str, metrics: tuple[Metric, ...]) -> None:
        pass

    def rows(self, probe: str, t: float, rows: Iterable[Row], late_ms: float, cost_ms: float) -> None:
        self.good.append((probe, t, round(late_ms)))

    def failed(self, probe: str, t: float, error: str, late_ms: float, cost_ms: float) -> None:
        self.bad.append((probe, error))


class Source:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def read(self, t: float) -> Iterable[Row]:
        if self.error:
            raise self.error
        return [(Entity("host"), (1.0,))]

    def close(self) -> None:
        pass


def unit(interval_s: float, source: Any) -> ModuleType:
    module = ModuleType("unit")
    module.__dict__.update(INTERVAL_S=interval_s, open=lambda targets: source)
    return module


def sampler(clock: FakeClock, sink: Sink, **units: ModuleType) -> Sampler:
    made = Sampler(units, Targets(), sink, clock, clock.monotonic())
    for probe in made._probes:
        probe.source = probe.unit.open(None)
    return made


def test_each_probe_keeps_its_own_interval() -> None:
    clock, sink = FakeClock(), Sink()
    made = sampler(clock, sink, a=unit(0.5, Source()), b=unit(1.0, Source()))
    for _ in range(5):
        clock.now = max(clock.now, made.tick())
    assert [each[1] for each in sink.good if each[0] == "a"] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [each[1] for each in sink.good if each[0] == "b"] == [0.0, 1.0, 2.0]


def test_a_late_tick_says_so_and_is_not_made_up_for() -> None:
    clock, sink = FakeClock(), Sink()
    made = sampler(clock, sink, a=unit(0.5, Source()))
    made.tick()
    clock.now = 2.2
    assert made.tick() == 2.5
    assert sink.good[-1] == ("a", 2.2, 1700)


def test_a_probe_that_fails_is_recorded_and_the_others_go_on() -> None:
    clock, sink = FakeClock(), Sink()
    made = sampler(clock, sink, a=unit(1.0, Source(OSError("no"))), b=unit(1.0, Source()))
    made.tick()
    assert sink.bad == [("a", "OSError: no")]
    assert [each[0] for each in sink.good] == ["b"]
