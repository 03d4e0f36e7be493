"""The one loop that drives every probe: on a fixed schedule, each tick with its lateness and its cost."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Self

from loadlab.clock import Clock, cpu_s
from loadlab.probes import Sink, Source
from loadlab.services import Targets


@dataclass
class Scheduled:
    """A probe and when it is due next (seconds since the run's start)."""

    name: str
    unit: ModuleType
    due: float
    source: Source | None = None
    broken: str = ""
    skipped: int = field(default=0)


class Sampler:
    """Reads every unit at its interval until it is closed. One that raises is recorded as failed and asked again."""

    def __init__(self, units: Mapping[str, ModuleType], targets: Targets, sink: Sink, clock: Clock, t0: float) -> None:
        self._clock = clock
        self._t0 = t0
        self._sink = sink
        self._targets = targets
        self._stop = threading.Event()
        now = clock.monotonic() - t0
        self._probes = [Scheduled(name, unit, now) for name, unit in units.items()]
        self._thread = threading.Thread(target=self._loop, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        for probe in self._probes:
            self._sink.declare(probe.name, probe.unit.METRICS)
            try:
                probe.source = probe.unit.open(self._targets)
            except Exception as error:  # noqa: BLE001 - one probe that cannot open must not stop the others
                probe.broken = f"could not be opened: {type(error).__name__}: {error}"
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5.0)
        for probe in self._probes:
            if probe.source is not None:
                probe.source.close()

    def _loop(self) -> None:
        while not self._stop.is_set():
            next_due = self.tick()
            self._stop.wait(max(0.0, next_due - (self._clock.monotonic() - self._t0)))

    def tick(self) -> float:
        """Read every probe that is due; returns when the next one is (seconds since the run's start)."""
        for probe in self._probes:
            now = self._clock.monotonic() - self._t0
            if probe.due <= now:
                self._read(probe, now)
                behind = int((now - probe.due) / probe.unit.INTERVAL_S)
                # A tick that was missed is not made up for: the next row says how late it was.
                probe.due += (behind + 1) * probe.unit.INTERVAL_S
        return min((each.due for each in self._probes), default=float("inf"))

    def _read(self, probe: Scheduled, now: float) -> None:
        late_ms = 1000 * (now - probe.due)
        before = cpu_s()
        try:
            if probe.source is None:
                raise RuntimeError(probe.broken or "not open")
            rows = list(probe.source.read(now))
        except Exception as error:  # noqa: BLE001 - a failed tick is data: it is recorded, and judged
            self._sink.failed(probe.name, now, f"{type(error).__name__}: {error}", late_ms, 1000 * (cpu_s() - before))
            return
        self._sink.rows(probe.name, now, rows, late_ms, 1000 * (cpu_s() - before))
