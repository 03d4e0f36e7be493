"""How many requests were completed between two moments, from the intervals the generator reports."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from loadlab.load import LoadInterval

TOLERANCE_S = 0.15
"""How far an interval may begin or end from where it was asked to: a generator at its limit takes a few hundredths of a
second to cut, while the ordinary intervals of a second, which mean that nothing was cut, are further off."""

KEPT = 4_000
"""Intervals remembered: many more than are made between two windows."""


@dataclass(frozen=True, slots=True)
class Count:
    """Requests completed, well or badly, between two moments at which an interval really began and ended."""

    completed: int
    start: float
    end: float
    in_flight: int
    failed: int = 0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.completed / (self.end - self.start)

    @property
    def response_s(self) -> float:
        """Mean time in the system by Little's law: in flight / rate."""
        return self.in_flight / self.rate if self.completed else float("inf")


class WindowCounter:
    """A load.Listener. Thread-safe: the generator's intervals come in from a thread of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: deque[LoadInterval] = deque(maxlen=KEPT)

    def interval(self, interval: LoadInterval) -> None:
        """One interval, in order."""
        with self._lock:
            self._heard.append(interval)

    @property
    def until(self) -> float:
        """The end of the last interval heard of."""
        with self._lock:
            return self._heard[-1].end if self._heard else float("-inf")

    def between(self, start: float, end: float) -> Count | None:
        """The requests of the intervals that lie between two moments; None where no intervals fit that stretch."""
        with self._lock:
            inside = [each for each in self._heard if start <= (each.start + each.end) / 2 <= end]
        if not inside:
            return None
        first, last = inside[0], inside[-1]
        if abs(first.start - start) > TOLERANCE_S or abs(last.end - end) > TOLERANCE_S or last.end <= first.start:
            return None
        completed = sum(each.succeeded + each.failed for each in inside)
        failed = sum(each.failed for each in inside)
        return Count(completed, first.start, last.end, last.in_flight, failed)
