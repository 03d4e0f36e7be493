"""The open model's schedule: each arrival has its moment, and leaves then, or as soon after as this process can.

Nothing waits for an answer, unless `max_in_flight` says so: what is due while so many are under way is counted as not
sent, waits its turn, and its latency counts from its moment. At any time due = succeeded + failed + in flight +
waiting.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, takewhile
from math import log
from typing import Any, Generic, TypeVar

import gevent
from gevent import getcurrent
from gevent.hub import get_hub

from loadlab.clock import SYSTEM
from loadlab.load._alarm import Cell, alarm
from loadlab.load._book import Book

BURST = 16
"""Arrivals that a schedule which is behind lets leave at once, before answers are read: each of them that finds no
connection free makes one, which costs as much as ten requests."""

What = TypeVar("What")


class Arrivals(Generic[What]):
    """send(due, what) makes one request, or runs one task, in a greenlet of its own. most: of these at once.

    The schedule runs in gevent's hub, and greenlets are used again: a new one for each arrival, woken behind a schedule
    in a greenlet of its own, takes as long as the request itself.
    """

    def __init__(
        self,
        book: Book,
        send: Callable[[float, What], object],
        *,
        even: bool,
        most: int | None = None,
        seed: int = 1,
        part: tuple[int, int] = (0, 1),
        ask: Callable[[float, What, Callable[[], object]], bool] | None = None,
    ) -> None:
        """part: this process' place among how many that send at a common rate: even arrivals of all of them are even
        together. ask: makes a request without a greenlet that waits for it, where it can; see Sender."""
        self._book, self._send, self._ask, self._most = book, send, ask, most
        self._part = part
        self._even = even
        self._chance = random.Random(seed)  # noqa: S311 - arrivals, not a secret
        self._rate = 0.0
        self._source: Iterator[tuple[float, What]] = iter(())
        self._head: tuple[float, What] | None = None
        self._armed: Cell = []
        self._hub = get_hub()
        self._idle: list[Any] = []
        self._running = 0
        self._held: deque[tuple[float, What]] = deque()
        self._over = False
        self._starting = 0
        """Greenlets that were made, and have not begun: nobody who is due later leaves before them."""
        self._room = BURST
        """How many may leave yet, before the hub has had its turn."""

    def at_rate(self, rate: float, what: What, part: tuple[int, int] | None = None) -> None:
        """So many a second from now on; 0 for none. The next one moves with the rate; one that is late stays late.

        part: this process' place from now on. Where that is a new one, even arrivals begin anew from it.
        """
        now, head, moved = SYSTEM.monotonic(), self._head, part not in (None, self._part)
        self._part = part or self._part
        self._halt()
        if rate > 0:
            late: list[tuple[float, What]] = []
            if head is not None and self._rate > 0 and self._even and moved:
                late = list(takewhile(lambda each: each[0] <= now, self._steadily(head[0], self._rate, what)))
                head = None
            if head is None or self._rate <= 0:
                first = now + self._gap(rate) * self._place
            else:
                first = head[0] if head[0] <= now else now + (head[0] - now) * self._rate / rate
            self._begin(chain(late, self._steadily(first, rate, what)))
        self._rate = rate

    @property
    def _place(self) -> float:
        """Of the first arrival of this process, within one gap."""
        return (self._part[0] + 1) / self._part[1] if self._even else 1.0

    def at_times(self, arrivals: Iterable[tuple[float, What]]) -> None:
        """Each at its seconds from now."""
        self._halt()
        start = SYSTEM.monotonic()
        self._begin((start + t, what) for t, what in arrivals)

    def stop(self) -> None:
        """Nothing leaves any more, whoever waits."""
        self._over = True
        self._halt()

    def _halt(self) -> None:
        self._armed.clear()
        self._head = None

    def _gap(self, rate: float) -> float:
        return 1 / rate if self._even else self._chance.expovariate(rate)

    def _steadily(self, due: float, rate: float, what: What) -> Iterator[tuple[float, What]]:
        mean_s = 1 / rate
        if self._even:
            while True:
                yield due, what
                due += mean_s
        chance = self._chance.random
        while True:
            yield due, what
            due -= log(1.0 - chance()) * mean_s  # expovariate, written out: half as long for each arrival

    def _begin(self, source: Iterator[tuple[float, What]]) -> None:
        self._source = source
        self._head = next(source, None)
        self._arm()

    def _arm(self) -> None:
        if self._head is not None:
            self._armed = alarm().at(self._head[0], self._ring)

    def _ring(self) -> None:
        """Runs in the hub."""
        now = SYSTEM.monotonic()
        for _ in range(BURST):
            head = self._head
            if head is None:
                break
            if head[0] > now:
                now = SYSTEM.monotonic()
                if head[0] > now:
                    break
            self._head = next(self._source, None)
            self.arrive(*head)
        self._room = BURST
        self._arm()

    def arrive(self, due: float, what: What) -> None:
        """One whose moment has come."""
        if self._most is not None and self._running >= self._most:
            self._book.counts.due += 1
            self._book.counts.not_sent += 1
            self._held.append((due, what))
            self._book.waiting = len(self._held)
        else:
            self._leave(due, what, 1)

    def _leave(self, due: float, what: What, new: int) -> None:
        """new: 0 for one that was counted as due before, and waited."""
        self._running += 1
        if self._ask is not None and self._ask(due, what, self._freed):
            self._book.counts.due += new
            return
        found: tuple[float, What, int] | None = (due, what, new)
        if not new:  # until its greenlet has its turn it waits on
            self._held.appendleft((due, what))
            self._book.waiting = len(self._held)
            found = None
        if not self._idle:
            self._starting += 1
            gevent.spawn(self._begun, found)
        elif getcurrent() is self._hub:
            self._idle.pop()(found)
        else:
            self._hub.loop.run_callback(self._idle.pop(), found)

    def _next(self) -> tuple[float, What, int] | None:
        """Whose turn it is when one is over: who waits, else whose moment has come; and whether he is new."""
        if self._held and not self._over:
            due, what = self._held.popleft()
            self._book.waiting = len(self._held)
            return due, what, 0
        head = self._head
        if head is None or self._starting or not self._room or head[0] > SYSTEM.monotonic():
            return None
        self._room -= 1
        self._head = next(self._source, None)
        return *head, 1

    def _freed(self) -> None:
        """One that nobody waited for is over."""
        self._running -= 1
        found = self._next()
        if found is not None:
            self._leave(*found)

    def _begun(self, found: tuple[float, What, int] | None) -> None:
        self._starting -= 1
        self._work(found)

    def _work(self, found: tuple[float, What, int] | None) -> None:
        """One greenlet: an arrival, then whoever waits or is due when that has its answer, then whoever comes next."""
        own, counts = getcurrent().switch, self._book.counts
        while True:
            try:
                found = found or self._next()
                while found is not None:
                    due, what, new = found
                    counts.due += new
                    self._send(due, what)
                    found = self._next()
            finally:
                self._running -= 1
            self._idle.append(own)
            found = self._hub.switch()
