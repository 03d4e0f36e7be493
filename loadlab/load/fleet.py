"""Several generator processes as one: whoever speaks to a Fleet speaks to a load.Generator.

Users, rate and `max_in_flight` are divided among them, each second all are told to end their intervals, and what they
counted is put together. One that dies is named, what it had under way counts as failed, and its share goes to the
others, where the load can be divided anew.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar

from loadlab.clock import Clock
from loadlab.errors import LoadError
from loadlab.load import EndpointInterval, Failures, Listener, LoadInterval
from loadlab.load.merge import in_a_row, merged, share, standing

GONE = "(generator)"
"""Endpoint of requests whose process died: nobody knows which they were."""
PATIENCE_S = 0.6
"""How long one process may take to end its interval, before the others' are told without it: its counts are in the
next one. Shorter than the second between two, so that whoever is silent does not pile them up."""


class Member(Protocol):
    """What this needs of load._driver.ChildGenerator, or of one on another host."""

    @property
    def name(self) -> str: ...
    @property
    def pids(self) -> tuple[int, ...]: ...
    @property
    def alive(self) -> bool: ...
    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None: ...
    def set_rate(self, rate: float, part: tuple[int, int] | None = None) -> None: ...
    def replay(self) -> None: ...
    def own_shape(self) -> None: ...
    def cut(self, number: int = 1) -> None: ...
    def check(self) -> None: ...
    def stop(self) -> None: ...


SomeMember = TypeVar("SomeMember", bound=Member)


@dataclass
class _Part:
    """One process' side: what it has said and nobody was told yet."""

    member: Member | None = None
    heard: list[LoadInterval] = field(default_factory=list)
    last: LoadInterval | None = None
    """The last of what was told."""
    lost: bool = False

    @property
    def in_flight(self) -> int:
        """As of the last word."""
        last = self.heard[-1] if self.heard else self.last
        return last.in_flight if last is not None else 0

    @property
    def reached(self) -> int:
        """The number of the last cut it has answered."""
        return max((each.cut for each in self.heard), default=0)

    def take(self, number: int) -> LoadInterval | None:
        """What it said up to a cut, no longer kept here. Where it said nothing, what it had under way before stands."""
        upto = max((at for at, each in enumerate(self.heard, 1) if 0 < each.cut <= number), default=0)
        taken, self.heard = self.heard[:upto], self.heard[upto:]
        if taken:
            self.last = in_a_row(taken)
            return self.last
        return None if self.last is None else standing(self.last)


class Fleet:
    """Implements load.Generator. A context manager."""

    def __init__(self, listener: Listener, clock: Clock, t0: float, note: Callable[[str], None]) -> None:
        self._listener = listener
        self._clock = clock
        self._t0 = t0
        self._note = note
        self._lock = threading.RLock()
        self._telling = threading.RLock()
        self._parts: list[_Part] = []
        self._last: Callable[[Member, int, int], None] | None = None
        self._divides = True
        self._asks_shape = False
        self._cuts = 0
        self._ending: list[threading.Thread] = []
        self._over = threading.Event()
        self._waits_since: float | None = None
        self._ticker = threading.Thread(target=self._tick, name="load-fleet", daemon=True)

    def join(self, make: Callable[[Listener], SomeMember]) -> SomeMember:
        """One more process, made to speak to the listener it is given."""
        part = _Part()
        self._parts.append(part)
        member = make(_Ear(self, part))
        part.member = member
        return member

    def begin(self, interval_s: float) -> None:
        """All have joined: from now on they are told to end their intervals."""
        self._interval_s = interval_s
        self._ticker.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """Those of them that run on this host."""
        return tuple(pid for each in self._members() for pid in each.pids)

    @property
    def alive(self) -> bool:
        """Whether one still runs."""
        return any(each.alive for each in self._members())

    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None:
        """See load.Generator."""

        def tell(member: Member, index: int, count: int) -> None:
            member.set_users(share(users, index, count), spawn_rate / count, classes)

        self._tell(tell)

    def set_rate(self, rate: float) -> None:
        """See load.Generator."""
        self._tell(lambda member, index, count: member.set_rate(rate / count, (index, count)))

    def replay(self) -> None:
        """See load.Generator. Each sends its part of the log: what one that dies had to send is lost."""
        self._divides = False
        self._tell(lambda member, _index, _count: member.replay())

    def own_shape(self) -> None:
        """See load.Generator. The first process is asked."""
        self._asks_shape = True
        self._members()[0].own_shape()

    def cut(self) -> None:
        """End the running interval now; it is heard of within milliseconds."""
        with self._telling:
            self._cuts += 1
            for each in self._members():
                with suppress(LoadError):  # it died: `check` says so
                    each.cut(self._cuts)

    def check(self) -> None:
        """Raises LoadError where none is left, or one is whose share no other can take. Else the others take it."""
        for part in [each for each in self._parts if each.member is not None and not each.lost]:
            try:
                part.member.check()  # type: ignore[union-attr] # asked for above
            except LoadError as error:
                self._lose(part, str(error))

    def stop(self) -> None:
        """See load.Generator. Harmless a second time. All are told at once: each may take two seconds."""
        self._over.set()
        if self._ticker.is_alive():
            self._ticker.join(2.0)
        threads = [threading.Thread(target=each.stop, daemon=True) for each in self._members()]
        for each in threads:
            each.start()
        for each in (*threads, *self._ending):
            each.join(10.0)
        with self._lock:
            left = [in_a_row(part.heard) for part in self._parts if part.heard]
            for part in self._parts:
                part.heard = []
            if left:
                self._listener.interval(merged(left))

    def hear(self, part: _Part, interval: LoadInterval) -> None:
        """What one process counted."""
        with self._lock:
            if part.lost:  # what it had under way counts as failed already
                return
            part.heard.append(interval)
            self._put_together()

    def _members(self) -> list[Member]:
        return [each.member for each in self._parts if each.member is not None and not each.lost]

    def _tell(self, tell: Callable[[Member, int, int], None]) -> None:
        """All of them, and, should one be lost, all that are left once more."""
        with self._telling:
            self._last = tell
            members = self._members()
            for index, member in enumerate(members):
                with suppress(LoadError):  # it died: `check` says so, and tells the others again
                    tell(member, index, len(members))

    def _put_together(self) -> None:
        """As many common intervals as all have ended. Who ends none keeps the others waiting, but not for long."""
        running = [each for each in self._parts if not each.lost]
        while numbers := sorted({each.cut for part in running for each in part.heard if each.cut}):
            if any(each.reached < numbers[0] for each in running):
                now = self._clock.monotonic()
                self._waits_since = now if self._waits_since is None else self._waits_since
                if now - self._waits_since < PATIENCE_S:
                    return
            self._waits_since = None
            self._listener.interval(merged([found for each in running if (found := each.take(numbers[0]))]))

    def _lose(self, part: _Part, why: str) -> None:
        part.lost = True
        if part.member is not None:  # it may hang rather than be dead: it is ended as well
            self._ending.append(threading.Thread(target=part.member.stop, daemon=True))
            self._ending[-1].start()
        left = self._members()
        name = part.member.name if part.member is not None else "a generator process"
        if not left or not self._divides or (part is self._parts[0] and self._asks_shape):
            raise LoadError(f"{name}: {why}")
        with self._lock:
            others = [standing(each.last) for each in self._parts if not each.lost and each.last is not None]
            self._listener.interval(merged([self._unanswered(part, name), *others]))
            self._put_together()
        self._note(f"{name} is gone, and {len(left)} of {len(self._parts)} have its share now: {why}")
        if self._last is not None:
            self._tell(self._last)

    def _unanswered(self, part: _Part, name: str) -> LoadInterval:
        """What it counted and nobody has heard of, and what it had under way as failures: nothing is lost from the
        count. Of these nobody knows when they left."""
        now = self._clock.monotonic() - self._t0
        many, heard = part.in_flight, part.heard
        part.heard = []
        zeros = array("I", bytes(4 * many))
        lost = LoadInterval(
            start=now - 0.001,
            end=now,
            users=0,
            in_flight=0,
            sent=0,
            succeeded=0,
            failed=many,
            connects=0,
            bytes_received=0,
            endpoints=(EndpointInterval(GONE, "fail", zeros, zeros),) if many else (),
            schedule_lag_us=zeros,
            reader_lag_us=zeros,
            errors=(Failures(GONE, "GeneratorDied", many, now, now, f"{name} died"),) if many else (),
        )
        return in_a_row([*heard, lost])

    def _tick(self) -> None:
        while not self._over.wait(self._interval_s):
            self.cut()


class _Ear:
    """The Listener of one process."""

    def __init__(self, fleet: Fleet, part: _Part) -> None:
        self._fleet = fleet
        self._part = part

    def interval(self, interval: LoadInterval) -> None:
        """See load.Listener."""
        self._fleet.hear(self._part, interval)
