"""Answers on their way out of each service, and what holds them: the reader's window, the own buffer, or the path."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Recording, Series
from loadlab.signals import rates
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Sending:
    """One service, means over the measured window. sending: connections with an answer not yet acknowledged in full;
    queued_bytes: of those answers; bytes_per_s: acknowledged; busy: connections that had something to send at a time
    (by the kernel's clocks); by_reader, by_buffer: of these, held by the reader's receive window, by the service's own
    send buffer; spread: standard deviation of bytes per half second over their mean, None where too few were seen."""

    service: str
    sending: float
    queued_bytes: float
    bytes_per_s: float
    busy: float
    by_reader: float
    by_buffer: float
    spread: float | None

    @property
    def reader_share(self) -> float:
        """Of the time there was something to send, how much the reader's window held it."""
        return min(1.0, self.by_reader / self.busy) if self.busy > 0 else 0.0

    @property
    def held(self) -> float:
        """Connections held by their reader's window: of those that have something to send, as many. The kernel's clocks
        alone miss what a connection did before the first look at it and after the last."""
        return max(self.by_reader, self.sending * self.reader_share)


Sends = dict[str, Sending]

FEWEST = 6
"""Steps below which no spread is given."""


def compute(recording: Recording) -> Sends:
    """By service. Raises Missing where sending was not sampled."""
    window = measured(recording)
    if not recording.series("sends.sending"):
        raise Missing("what services send was not sampled")
    names = sorted({each.entity.service for each in recording.series("sends.sending")})
    return {name: _of(recording, name, window) for name in names}


def _of(recording: Recording, name: str, window: Window) -> Sending:
    def gauge(metric: str) -> float:
        return sum(rates.mean(each, window) or 0.0 for each in mine(metric))

    def growth(metric: str) -> float:
        return rates.total(mine(metric), window)

    def mine(metric: str) -> list[Series]:
        return [each for each in recording.series(f"sends.{metric}") if each.entity.service == name]

    return Sending(
        name,
        gauge("sending"),
        gauge("queued_bytes"),
        growth("sent_bytes"),
        growth("busy_s"),
        growth("reader_limited_s"),
        growth("buffer_limited_s"),
        _spread(mine("sent_bytes"), window),
    )


def _spread(many: list[Series], window: Window) -> float | None:
    sums: dict[float, float] = defaultdict(float)
    for series in many:
        steps = rates.rate(series).between(window.start, window.end)
        for t, v in zip(steps.t, steps.v, strict=True):
            sums[round(float(t), 3)] += 0.0 if np.isnan(v) else float(v)
    values = np.array([sums[t] for t in sorted(sums)])
    if len(values) < FEWEST or values.mean() <= 0:
        return None
    return float(values.std() / values.mean())
