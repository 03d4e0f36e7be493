"""The clock, and the one tests use. No other module imports `time`.

Every `t` in a recording is seconds of CLOCK_MONOTONIC since the run's start. On Linux that clock is the same for
all processes of a machine, so the generator's child process and the probes share one time axis.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """What loadlab needs to know of time."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for names and headings only: it may jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Pause this thread."""
        ...


class SystemClock:
    """The machine's own clock."""

    # As they are: a method around each would be a fiftieth of what a whole request costs the generator.
    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class FakeClock:
    """A clock that moves only when told to: `sleep` advances it at once."""

    def __init__(self, start: float = 0.0, wall: float = 1_700_000_000.0) -> None:
        self.now = start
        self._epoch = wall - start

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self._epoch + self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


def moment(text: str, form: str | None = None) -> float | None:
    """Seconds since the epoch of a time as text: ISO 8601, or a format of strptime's; None where it is none."""
    try:
        # A time without an offset is the machine's own: only differences of a file's times are used.
        found = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
        return found.timestamp()
    except (ValueError, OverflowError):
        return None


def cpu_s() -> float:
    """CPU seconds this thread has used: what a probe tick costs."""
    return time.thread_time()


def local_stamp(wall: float) -> str:
    """`20261123-170455`: the name of a run, in local time."""
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(wall))


def iso(wall: float) -> str:
    """`2026-11-23T17:04:55Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))


SYSTEM: Clock = SystemClock()
