"""Counts what was answered while the run lasts, for those who decide how it goes on: search, breakpoint, own shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from loadlab.load import LoadInterval, Wanted
from loadlab.load.breaking import Floats, Seen

KEPT = 600
"""Intervals whose counts are remembered: ten minutes at one a second."""


@dataclass(frozen=True)
class _Heard:
    start: float
    end: float
    succeeded: int
    failed: int
    due: int
    latency: dict[str, list[Floats]] = field(default_factory=dict)

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass
class Meter:
    """A load.Listener. keeps_latency: whether `seen` can tell latencies; costs four bytes a request while it is on."""

    keeps_latency: bool = False
    wanted: Wanted | None = None
    """What the locustfile's own shape said last."""
    users: int = 0
    """As of the last interval."""
    _lock: Lock = field(default_factory=Lock)
    _heard: list[_Heard] = field(default_factory=list)

    def interval(self, interval: LoadInterval) -> None:
        """One interval, in order."""
        latency: dict[str, list[Floats]] = {}
        if self.keeps_latency:
            for each in interval.endpoints:
                if each.result == "ok" and len(each.latency_us):
                    latency.setdefault(each.endpoint, []).append(np.asarray(each.latency_us) / 1000)
        made = _Heard(interval.start, interval.end, interval.succeeded, interval.failed, interval.due, latency)
        with self._lock:
            self._heard.append(made)
            del self._heard[:-KEPT]
            self.wanted, self.users = interval.wanted or self.wanted, interval.users

    def until(self) -> float:
        """The end of the last interval heard of."""
        with self._lock:
            return self._heard[-1].end if self._heard else 0.0

    def answered(self, start: float, end: float) -> tuple[int, float]:
        """Requests and seconds of the intervals whose middle lies between two moments."""
        inside = self._between(start, end)
        return sum(each.succeeded for each in inside), sum(each.end - each.start for each in inside)

    def failed(self, start: float, end: float) -> int:
        """Requests that failed in the same intervals."""
        return sum(each.failed for each in self._between(start, end))

    def seen(self, level: float, start: float, end: float) -> Seen:
        """One level, with its latencies where they are kept; what lies before it is forgotten."""
        inside = self._between(start, end)
        with self._lock:
            self._heard = [each for each in self._heard if each.end >= start]
        names = {name for each in inside for name in each.latency}
        return Seen(
            level,
            sum(each.end - each.start for each in inside),
            sum(each.succeeded for each in inside),
            sum(each.failed for each in inside),
            sum(each.due for each in inside),
            {name: np.concatenate([part for each in inside for part in each.latency.get(name, ())]) for name in names},
        )

    def _between(self, start: float, end: float) -> list[_Heard]:
        with self._lock:
            return [each for each in self._heard if start <= each.middle <= end]
