"""The open model's schedule: each arrival has its moment, and leaves then, or as soon after as this process can.

Nothing waits for an answer, unless `max_in_flight` says so: what is due while so many are under way is counted as not
sent, waits its turn, and its latency counts from its moment. At any time due = succeeded + failed + in flight +
waiting.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import gevent

from loadlab.clock import SYSTEM
from loadlab.load._alarm import alarm
from loadlab.load._book import Book

BURST = 64
"""Arrivals that a schedule which is behind lets leave at once, before it gives the others a turn."""

What = TypeVar("What")


class Arrivals(Generic[What]):
    """send(due, what) makes one request, or runs one task, in a greenlet of its own. most: of these at once."""

    def __init__(
        self, book: Book, send: Callable[[float, What], object], *, even: bool, most: int | None = None, seed: int = 1
    ) -> None:
        self._book, self._send, self._most = book, send, most
        self._even = even
        self._chance = random.Random(seed)  # noqa: S311 - arrivals, not a secret
        self._rate = 0.0
        self._next = 0.0
        self._running = 0
        self._held: deque[tuple[float, What]] = deque()
        self._over = False
        self._schedule: gevent.Greenlet | None = None

    def at_rate(self, rate: float, what: What) -> None:
        """So many a second from now on; 0 for none. The next one moves with the rate; one that is late stays late."""
        self._halt()
        now = SYSTEM.monotonic()
        if rate > 0:
            if self._rate <= 0:
                self._next = now + self._gap(rate)
            elif self._next > now:
                self._next = now + (self._next - now) * self._rate / rate
            self._schedule = gevent.spawn(self._go_on, rate, what)
        self._rate = rate

    def at_times(self, arrivals: Iterable[tuple[float, What]]) -> None:
        """Each at its seconds from now."""
        self._halt()
        self._schedule = gevent.spawn(self._replay, SYSTEM.monotonic(), arrivals)

    def stop(self) -> None:
        """Nothing leaves any more, whoever waits."""
        self._over = True
        self._halt()

    def _halt(self) -> None:
        if self._schedule is not None:
            self._schedule.kill()
            self._schedule = None

    def _gap(self, rate: float) -> float:
        return 1 / rate if self._even else self._chance.expovariate(rate)

    def _go_on(self, rate: float, what: What) -> None:
        behind = 0
        while True:
            behind = self._until(self._next, behind)
            due = self._next
            self._next = due + self._gap(rate)
            self.arrive(due, what)

    def _replay(self, start: float, arrivals: Iterable[tuple[float, What]]) -> None:
        behind = 0
        for t, what in arrivals:
            behind = self._until(start + t, behind)
            self.arrive(start + t, what)

    def _until(self, due: float, behind: int) -> int:
        """Sleeps until then; returns how many in a row were late already, and lets others go first now and then."""
        if due > SYSTEM.monotonic():
            alarm().sleep_until(due)
            return 0
        if behind >= BURST:
            gevent.sleep(0)
            return 0
        return behind + 1

    def arrive(self, due: float, what: What) -> None:
        """One whose moment has come."""
        if self._most is not None and self._running >= self._most:
            self._book.counts.due += 1
            self._book.counts.not_sent += 1
            self._held.append((due, what))
            self._book.waiting = len(self._held)
            return
        self._running += 1
        gevent.spawn(self._run, due, what)

    def _run(self, due: float, what: What) -> None:
        try:
            self._book.counts.due += 1
            self._send(due, what)
            while self._held and not self._over:
                due, what = self._held.popleft()
                self._book.waiting = len(self._held)
                self._send(due, what)
        finally:
            self._running -= 1
