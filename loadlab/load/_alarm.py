"""Wakes greenlets, and calls functions, at their moment. gevent's own sleep wakes 0.8 ms late in the middle (libev
waits in whole milliseconds): as much as a fast server takes for its whole answer, and it would be counted as the
server's.

One timer of the kernel (timerfd, nanoseconds) for all who wait; a file descriptor, so gevent's loop wakes for it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
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


Cell = list[Callable[[], object]]
"""What is called at its moment; empty once it was, or where it is not wanted any more."""


class Alarm:
    """`sleep_until` pauses the greenlet that calls it; `at` calls a function. For one hub; use `alarm()`."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._sleepers: list[tuple[float, int, Cell]] = []
        self._order = count()
        self._ringing = False
        self._settime: Any = None
        self._spec = _Spec()
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            self._timer: int = libc.timerfd_create(CLOCK_MONOTONIC, FLAGS)
            if self._timer >= 0:
                self._settime = libc.timerfd_settime
                self._settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
                self._where = ctypes.addressof(self._spec)
                self._watcher = self._hub.loop.io(self._timer, 1)
                self._watcher.start(self._ring)
        except (OSError, AttributeError):
            self._timer = -1

    def at(self, due: float, call: Callable[[], object]) -> Cell:
        """Calls it in the hub when CLOCK_MONOTONIC shows `due`, or a little later: it may not wait. Cleared, what is
        returned takes that back."""
        cell: Cell = [call]
        if self._settime is None:
            timer = self._hub.loop.timer(max(0.0, due - SYSTEM.monotonic()))
            timer.start(lambda: _call(cell))  # the timer lives as long as it runs
        else:
            self._push(due, cell)
        return cell

    def sleep_until(self, due: float) -> None:
        """Until CLOCK_MONOTONIC shows `due`, or a little later. Where there is no timerfd, or on another hub, gevent's
        own."""
        if self._settime is None or get_hub() is not self._hub:
            gevent.sleep(max(0.0, due - SYSTEM.monotonic()))
            return
        switch = getcurrent().switch
        cell: Cell = []
        # Behind what waits for its turn already: a sleeper that is being killed must not begin another task.
        cell.append(lambda: self._hub.loop.run_callback(_call, _again(cell, switch)))
        self._push(due, cell)
        try:
            while cell:
                self._hub.switch()
        finally:
            cell.clear()

    def _push(self, due: float, cell: Cell) -> None:
        heappush(self._sleepers, (due, next(self._order), cell))
        if not self._ringing and self._sleepers[0][2] is cell:
            self._set(due)

    def _ring(self) -> None:
        """Runs in the hub. Who is added meanwhile has its turn the next time, behind the answers that came."""
        sleepers, now = self._sleepers, SYSTEM.monotonic()
        ready: list[Cell] = []
        while sleepers and (not sleepers[0][2] or sleepers[0][0] <= now):
            ready.append(heappop(sleepers)[2])
        self._ringing = True
        try:
            for each in ready:
                _call(each)
        finally:
            self._ringing = False
            if sleepers:
                self._set(sleepers[0][0])
            else:
                # Setting it anew would have made it unreadable.
                with suppress(BlockingIOError):
                    os.read(self._timer, 8)

    def _set(self, due: float) -> None:
        # A time of zero would switch the timer off.
        self._spec.due_s, self._spec.due_ns = divmod(max(1, int(due * 1e9)), 1_000_000_000)
        self._settime(self._timer, TFD_TIMER_ABSTIME, self._where, None)


def _call(cell: Cell) -> None:
    if cell:
        cell.pop()()


def _again(cell: Cell, call: Callable[[], object]) -> Cell:
    """Wanted until its turn comes: the one who sleeps clears it when it is killed."""
    cell.append(call)
    return cell


_alarms: list[Alarm] = []


def alarm() -> Alarm:
    """The one of this process, made when first asked for: after a fork, that is."""
    if not _alarms:
        _alarms.append(Alarm())
    return _alarms[0]
