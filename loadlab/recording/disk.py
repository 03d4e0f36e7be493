"""Everything of a recording that the writer's thread writes: samples, histograms, errors. Synchronous; used by one
thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loadlab.load import EndpointInterval, LoadInterval
from loadlab.recording.errors_log import ErrorLog
from loadlab.recording.format import MAX_ENDPOINTS, OTHER, clean
from loadlab.recording.hlog import LatencyLog
from loadlab.recording.model import Entity, Metric, RequestInterval
from loadlab.recording.samples import Samples

GENERATOR = Entity("generator", service="generator")
COUNTED = ("sent", "succeeded", "failed", "not_sent", "connects", "bytes_received", "kernel_stamped", "due")
LOAD = (
    Metric("users", "users", "gauge", "virtual users at the end of the interval"),
    Metric("in_flight", "requests", "gauge", "requests without an answer at the end of the interval"),
    Metric("waiting", "requests", "gauge", "of `not_sent`, those that had not left at the end of the interval"),
    Metric("busiest_cores", "cores", "gauge", "CPU of its busiest process, by its own account"),
    Metric("busiest_delay", "s/s", "gauge", "run delay of that process"),
    Metric("sent", "requests", "counter", "requests sent"),
    Metric("succeeded", "requests", "counter", "requests answered as they should"),
    Metric("failed", "requests", "counter", "requests that failed"),
    Metric("not_sent", "requests", "counter", "due and not sent at their moment: `max_in_flight` were under way"),
    Metric("connects", "connections", "counter", "connections opened"),
    Metric("bytes_received", "bytes", "counter", "bytes of answers"),
    Metric("kernel_stamped", "requests", "counter", "answers whose arrival the kernel timed"),
    Metric("due", "arrivals", "counter", "arrivals of the open model whose moment came"),
)
"""The table `generator`: what each LoadInterval counts, added up over the run; a row at the end of each interval."""


class Disk:
    """Raises OSError and sqlite3.OperationalError where the disk does not take it, ValueError for rows that do not
    fit."""

    def __init__(self, folder: Path, wall: float) -> None:
        self.samples = Samples(folder)
        self._latency = LatencyLog(folder, wall)
        self._errors = ErrorLog(folder)
        self._names: dict[str, str] = {}
        self._counts = dict.fromkeys(COUNTED, 0)
        self._now = 0.0

    def border(self, t: float) -> None:
        """A phase or a level begins at t."""
        self.samples.border(t)
        self._latency.border(t)

    def interval(self, interval: LoadInterval, late_ms: float) -> None:
        """What the generator did between two moments; late_ms: how long after its end it was heard of."""
        self._latency.add(interval, self._name)
        self._errors.add(interval.errors, self._name)
        self.samples.requests([self._row(interval, each) for each in interval.endpoints if len(each.latency_us)])
        self._load(interval, late_ms)
        self._now = interval.end

    def commit(self) -> None:
        """Everything so far survives a kill."""
        self.samples.commit()
        self._errors.write(self._now)

    def close(self) -> None:
        """Close all, whatever one of them says; raises the first failure."""
        failures: list[Exception] = []
        for part in (self._latency, self._errors, self.samples):
            try:
                part.close()
            except Exception as error:  # noqa: BLE001 - the other files are closed whatever one of them says
                failures.append(error)
        if failures:
            raise failures[0]

    def _name(self, endpoint: str) -> str:
        """The endpoint's name as it is stored. Past MAX_ENDPOINTS all are OTHER: a URL with a number in it must not
        make the recording grow without end."""
        known = self._names.get(endpoint)
        if known is None:
            if len(self._names) >= MAX_ENDPOINTS:
                return OTHER
            known = self._names[endpoint] = clean(endpoint)
        return known

    def _row(self, interval: LoadInterval, each: EndpointInterval) -> RequestInterval:
        latency_ms = np.asarray(each.latency_us, dtype=np.float64) / 1000
        p50, p95, p99 = _percentiles(latency_ms, (50, 95, 99))
        name, total = self._name(each.endpoint), float(latency_ms.sum())
        top = float(latency_ms.max())
        count = len(latency_ms)
        return RequestInterval(interval.start, interval.end, name, each.result, count, total, p50, p95, p99, top)

    def _load(self, interval: LoadInterval, late_ms: float) -> None:
        first = not any(self._counts.values()) and self._now == 0.0
        self.samples.declare("generator", LOAD)
        if first:
            # Counters start at zero where the first interval starts, so that differences see it too.
            self.samples.tick("generator", interval.start, [(GENERATOR, self._gauges(interval))], 0.0, 0.0)
        for name in COUNTED:
            self._counts[name] += getattr(interval, name)
        self.samples.tick("generator", interval.end, [(GENERATOR, self._gauges(interval))], late_ms, 0.0)

    def _gauges(self, interval: LoadInterval) -> tuple[float, ...]:
        of_the_end = (float(interval.users), float(interval.in_flight), float(interval.waiting))
        return (
            *of_the_end,
            interval.busiest_cores,
            interval.busiest_delay,
            *(float(self._counts[name]) for name in COUNTED),
        )


def _percentiles(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], percents: Sequence[int]) -> list[float]:
    """Nearest ranks."""
    ranks = [max(0, -(-len(values) * percent // 100) - 1) for percent in percents]
    ordered = np.partition(values, ranks)
    return [float(ordered[each]) for each in ranks]
