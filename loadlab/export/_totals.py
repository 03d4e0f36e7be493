"""What an OpenMetrics endpoint and OpenTelemetry show: sums since the run's start, latencies in buckets. Thread-safe.

Sums and counts are exact; percentiles from buckets are as coarse as those. The exact ones are in the recording.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from loadlab.load import LoadInterval

BOUNDS_S = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
)  # fmt: skip
"""Upper bounds of buckets: three a decade, from below what loopback takes to past the longest timeout."""
BOUNDS_US = np.rint(np.array(BOUNDS_S) * 1e6).astype(np.int64)
MOST_SERIES = 1_000
"""Label values kept apart of one family. Each is about twenty series for whoever stores them: URLs with ids in them
would be a new one each second."""
OTHER = "(other)"

COUNTED = {
    "sent": "Requests that left.",
    "not_sent": "Arrivals of the open model that never left.",
    "due": "Arrivals of the open model whose moment came.",
    "connects": "Connections made.",
    "bytes_received": "Bytes of answers, headers included.",
    "kernel_stamped": "Answers whose arrival the kernel stamped.",
}
"""Fields of LoadInterval that are summed up, and what they are."""


@dataclass
class Histogram:
    """counts: one a bucket, the last one above all bounds. sum_us: of all values; least_us, most_us: None where there
    were none."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1, dtype=np.int64))
    sum_us: int = 0
    least_us: int | None = None
    most_us: int | None = None

    def add(self, values_us: Any) -> None:
        """Values in microseconds; a value on a bound belongs to the bucket below it."""
        values = np.asarray(values_us, dtype=np.int64)
        if not len(values):
            return
        which = np.searchsorted(BOUNDS_US, values, side="left")
        self.counts += np.bincount(which, minlength=len(self.counts))
        self.sum_us += int(values.sum())
        least, most = int(values.min()), int(values.max())
        self.least_us = least if self.least_us is None else min(least, self.least_us)
        self.most_us = most if self.most_us is None else max(most, self.most_us)

    @property
    def count(self) -> int:
        """Of all values."""
        return int(self.counts.sum())


@dataclass
class Totals:
    """Implements export.Export, but for where it goes."""

    counted: Counter[str] = field(default_factory=Counter)
    latency: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    """(endpoint, result) -> from the intended start to the arrival."""
    service: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    """Likewise, from the actual start: uncorrected."""
    lags: dict[str, Histogram] = field(default_factory=lambda: {"schedule": Histogram(), "reader": Histogram()})
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(endpoint, error) -> requests."""
    users: int = 0
    in_flight: int = 0
    running: str = "start"
    """The phase."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def phase(self, name: str) -> None:
        """A phase starts."""
        with self._lock:
            self.running = name

    def interval(self, interval: LoadInterval) -> None:
        """One interval."""
        with self._lock:
            self.users, self.in_flight = interval.users, interval.in_flight
            for name in COUNTED:
                self.counted[name] += getattr(interval, name)
            for each in interval.endpoints:
                key = self._kept(each.endpoint, each.result)
                self.latency.setdefault(key, Histogram()).add(each.latency_us)
                self.service.setdefault(key, Histogram()).add(each.service_us)
            self.lags["schedule"].add(interval.schedule_lag_us)
            self.lags["reader"].add(interval.reader_lag_us)
            for failure in interval.errors:
                pair = (failure.endpoint, failure.error)
                is_kept = pair in self.errors or len(self.errors) < MOST_SERIES
                self.errors[pair if is_kept else (OTHER, OTHER)] += failure.count

    def _kept(self, endpoint: str, result: str) -> tuple[str, str]:
        key = (endpoint, result)
        return key if key in self.latency or len(self.latency) < MOST_SERIES else (OTHER, result)

    @contextmanager
    def still(self) -> Iterator[Totals]:
        """Nothing changes while the body reads."""
        with self._lock:
            yield self
