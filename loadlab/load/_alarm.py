"""Wakes greenlets at their moment. gevent's own sleep wakes 0.8 ms late in the middle (libev waits in whole
milliseconds): as much as a fast server takes for its whole answer, and it would be counted as the server's.

One timer of the kernel (timerfd, nanoseconds) for all who sleep; a file descriptor, so gevent's loop wakes for it.
"""

from __future__ import annotations

import ctypes
import os
from heapq import heappop, heappush
from itertools import count
from typing import Any

import gevent
from gevent import getcurrent
from gevent.hub import get_hub

from loadlab.clock import SYSTEM

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class _Spec(ctypes.Structure):
    """`struct itimerspec`: the interval of a repeating timer (none), then when it is due."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("due_s", ctypes.c_long),
        ("due_ns", ctypes.c_long),
    )


class Alarm:
    """`sleep_until` pauses the greenlet that calls it. For one hub; use `alarm()`."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._sleepers: list[tuple[float, int, list[Any]]] = []
        self._order = count()
        self._settime: Any = None
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            self._timer: int = libc.timerfd_create(CLOCK_MONOTONIC, FLAGS)
            if self._timer >= 0:
                self._settime = libc.timerfd_settime
                self._watcher = self._hub.loop.io(self._timer, 1)
                self._watcher.start(self._ring)
        except (OSError, AttributeError):
            self._timer = -1

    def sleep_until(self, due: float) -> None:
        """Until CLOCK_MONOTONIC shows `due`, or a little later. Where there is no timerfd, or on another hub, gevent's
        own."""
        if self._settime is None or get_hub() is not self._hub:
            gevent.sleep(max(0.0, due - SYSTEM.monotonic()))
            return
        sleeper = [getcurrent()]
        heappush(self._sleepers, (due, next(self._order), sleeper))
        if self._sleepers[0][2] is sleeper:
            self._set(due)
        try:
            while sleeper:
                self._hub.switch()
        finally:
            sleeper.clear()

    def _ring(self) -> None:
        """Runs in the hub."""
        try:
            os.read(self._timer, 8)
        except BlockingIOError:
            return
        sleepers = self._sleepers
        while sleepers and (not sleepers[0][2] or sleepers[0][0] <= SYSTEM.monotonic()):
            # Behind what waits for its turn already: a sleeper that is being killed must not begin another task.
            self._hub.loop.run_callback(_wake, heappop(sleepers)[2])
        if sleepers:
            self._set(sleepers[0][0])

    def _set(self, due: float) -> None:
        # A time of zero would switch the timer off.
        whole_ns = max(1, int(due * 1e9))
        spec = _Spec(0, 0, *divmod(whole_ns, 1_000_000_000))
        self._settime(self._timer, TFD_TIMER_ABSTIME, ctypes.byref(spec), None)


def _wake(sleeper: list[Any]) -> None:
    if sleeper:
        sleeper.pop().switch()


_alarms: list[Alarm] = []


def alarm() -> Alarm:
    """The one of this process, made when first asked for: after a fork, that is."""
    if not _alarms:
        _alarms.append(Alarm())
    return _alarms[0]
