"""What the generator's child process remembers of an interval, and how it travels to the parent. Pure.

On the hot path a request costs four appends to arrays of 32-bit integers and a few additions; nothing is rounded,
bucketed or averaged here. A frame is a JSON header and the raw arrays behind it.
"""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from loadlab.load import OTHER, EndpointInterval, Failures, LoadInterval, Wanted
from loadlab.load.merge import SUMS

MOST_NAMES = 300
"""Endpoints kept apart; further names count as OTHER. More would be URLs with ids in them: use name=."""

LONGEST_US = 2**32 - 1
MOST_ERRORS = 200
"""Kinds of failure kept apart; a text that differs each time would else be one each time."""
LENGTHS = struct.Struct("=II")


@dataclass
class Counts:
    """Of the whole run so far; a frame carries differences."""

    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    connects: int = 0
    bytes_received: int = 0
    not_sent: int = 0
    kernel_stamped: int = 0
    due: int = 0


@dataclass
class Failure:
    """One kind of failure within an interval."""

    count: int
    first: float
    last: float
    sample: str


class Ledger(Protocol):
    """What a client needs of a Book."""

    def sent(self) -> None:
        """A request leaves."""
        ...

    def done(self, name: str, intended: float, started: float, arrived: float, read: float, *, ok: bool) -> None:
        """It has ended."""
        ...

    def failure(self, name: str, error: str, now: float, sample: str = "") -> None:
        """Why it failed."""
        ...

    def abandoned(self, name: str, intended: float, started: float, now: float) -> None:
        """Its user was stopped before it ended."""
        ...

    @property
    def counts(self) -> Any:
        """Counters: connects, bytes_received, kernel_stamped."""
        ...


@dataclass
class Book:
    """The running interval. Times given to it are seconds of CLOCK_MONOTONIC."""

    t0: float
    counts: Counts = field(default_factory=Counts)
    users: int = 0
    waiting: int = 0
    """Arrivals of the open model that were due and have not left."""
    spent_s: tuple[float, float] = (0.0, 0.0)
    """CPU time and run delay of the process so far."""
    wanted: Wanted | None = None
    closing: bool = False
    """Set at the end of the run: what is under way then stays counted as in flight."""
    _start: float = 0.0
    _spent: tuple[float, float] = (0.0, 0.0)
    _before: Counts = field(default_factory=Counts)
    _latency: dict[tuple[str, bool], tuple[array[int], array[int]]] = field(default_factory=dict)
    _schedule: array[int] = field(default_factory=lambda: array("I"))
    _reader: array[int] = field(default_factory=lambda: array("I"))
    _failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _errors: set[str] = field(default_factory=set)

    @property
    def in_flight(self) -> int:
        """Sent and not yet answered: the law sent = succeeded + failed + in flight, by construction."""
        return self.counts.sent - self.counts.succeeded - self.counts.failed

    def sent(self) -> None:
        """A request leaves."""
        self.counts.sent += 1

    def done(self, name: str, intended: float, started: float, arrived: float, read: float, *, ok: bool) -> None:
        """A request that was `sent` has ended. arrived: in the kernel; read: by this process."""
        if ok:
            self.counts.succeeded += 1
        else:
            self.counts.failed += 1
        pair = self._latency.get((name, ok))
        if pair is None:
            pair = self._pair(name, ok)
        # Rounded here and not by a function: four calls would be a fortieth of what a whole request costs.
        service, reader = int((arrived - started) * 1e6 + 0.5), int((read - arrived) * 1e6 + 0.5)
        if intended == started:
            latency, lag = service, 0
        else:
            latency, lag = int((arrived - intended) * 1e6 + 0.5), int((started - intended) * 1e6 + 0.5)
        if latency < 0 or service < 0 or lag < 0 or reader < 0 or latency > LONGEST_US or reader > LONGEST_US:
            latency, service, lag, reader = (clamped(each) for each in (latency, service, lag, reader))
        pair[0].append(latency)
        pair[1].append(service)
        self._schedule.append(lag)
        self._reader.append(reader)

    def _pair(self, name: str, ok: bool) -> tuple[array[int], array[int]]:
        if name not in self._names and len(self._names) >= MOST_NAMES:
            name = OTHER
        self._names.add(name)
        return self._latency.setdefault((name, ok), (array("I"), array("I")))

    def failure(self, name: str, error: str, now: float, sample: str = "") -> None:
        """Why a request failed, for people."""
        name = name if name in self._names or len(self._names) < MOST_NAMES else OTHER
        if error not in self._errors:
            if len(self._errors) >= MOST_ERRORS:
                sample, error = sample or error, OTHER
            self._errors.add(error)
        t = now - self.t0
        known = self._failures.get((name, error))
        if known is None:
            self._failures[(name, error)] = Failure(1, t, t, sample[:2000])
        else:
            known.count += 1
            known.last = t

    def abandoned(self, name: str, intended: float, started: float, now: float) -> None:
        """The user was stopped before its request ended: a failure, but for the end of the run."""
        if not self.closing:
            self.failure(name, "Stopped", now)
            self.done(name, intended, started, now, now, ok=False)

    def cut(self, now: float, number: int = 0) -> LoadInterval:
        """End the interval and begin the next one. number: with which it was asked for."""
        counts, before = self.counts, self._before
        seconds = max(1e-3, now - self.t0 - self._start)
        interval = LoadInterval(
            start=self._start,
            end=now - self.t0,
            users=self.users,
            in_flight=self.in_flight,
            sent=counts.sent - before.sent,
            succeeded=counts.succeeded - before.succeeded,
            failed=counts.failed - before.failed,
            connects=counts.connects - before.connects,
            bytes_received=counts.bytes_received - before.bytes_received,
            not_sent=counts.not_sent - before.not_sent,
            kernel_stamped=counts.kernel_stamped - before.kernel_stamped,
            due=counts.due - before.due,
            waiting=self.waiting,
            wanted=self.wanted,
            cut=number,
            busiest_cores=(self.spent_s[0] - self._spent[0]) / seconds,
            busiest_delay=(self.spent_s[1] - self._spent[1]) / seconds,
            endpoints=tuple(
                EndpointInterval(name, "ok" if ok else "fail", *pair) for (name, ok), pair in self._latency.items()
            ),
            schedule_lag_us=self._schedule,
            reader_lag_us=self._reader,
            errors=tuple(
                Failures(name, error, each.count, each.first, each.last, each.sample)
                for (name, error), each in self._failures.items()
            ),
        )
        self._start = now - self.t0
        self._before, self._spent = Counts(**vars(counts)), self.spent_s
        self._latency, self._failures = {}, {}
        self._schedule, self._reader = array("I"), array("I")
        return interval


class Unread(Book):
    """A book that nobody reads counts requests, and keeps nothing of them."""

    def done(self, name: str, intended: float, started: float, arrived: float, read: float, *, ok: bool) -> None:  # noqa: ARG002
        """See Book."""
        if ok:
            self.counts.succeeded += 1
        else:
            self.counts.failed += 1

    def failure(self, name: str, error: str, now: float, sample: str = "") -> None:
        """See Book."""


def clamped(us: int) -> int:
    """What fits: kernel and user clocks differ by less than a microsecond, and an hour is 3.6e9 of them."""
    return min(LONGEST_US, max(0, us))


PLAIN = ("start", "end", *SUMS, "busiest_cores", "busiest_delay", "cut")


def encode(interval: LoadInterval) -> list[bytes | memoryview]:
    """A frame in the pieces to be written: lengths with the header, then each array where it lies. At high rates an
    interval is half a megabyte, and copying it would keep every request waiting meanwhile."""
    header: dict[str, Any] = {name: getattr(interval, name) for name in PLAIN}
    header["endpoints"] = [(each.endpoint, each.result, len(each.latency_us)) for each in interval.endpoints]
    header["wanted"] = None if interval.wanted is None else asdict(interval.wanted)
    header["lags"] = len(interval.schedule_lag_us)
    header["errors"] = [(e.endpoint, e.error, e.count, e.first, e.last, e.sample) for e in interval.errors]
    arrays = [part for each in interval.endpoints for part in (each.latency_us, each.service_us)]
    body = [memoryview(each).cast("B") for each in (*arrays, interval.schedule_lag_us, interval.reader_lag_us)]
    head = json.dumps(header).encode()
    return [LENGTHS.pack(len(head), sum(len(each) for each in body)) + head, *body]


def decode(head: bytes, body: bytes) -> LoadInterval:
    """The interval of a frame. Raises ValueError or KeyError for what is none."""
    header = json.loads(head)
    rest = memoryview(body).cast("I")

    def take(count: int) -> array[int]:
        nonlocal rest
        part, rest = rest[:count], rest[count:]
        taken = array("I")
        taken.frombytes(part.cast("B"))
        return taken

    endpoints = tuple(
        EndpointInterval(name, result, take(count), take(count)) for name, result, count in header["endpoints"]
    )
    wanted = header["wanted"]
    return LoadInterval(
        **{name: header[name] for name in PLAIN},
        endpoints=endpoints,
        schedule_lag_us=take(header["lags"]),
        reader_lag_us=take(header["lags"]),
        errors=tuple(Failures(*each) for each in header["errors"]),
        wanted=None if wanted is None else Wanted(**{**wanted, "classes": tuple(wanted["classes"])}),
    )
