"""3 WHAT IS ASKED. Shapes and arrivals are pure (how many, when); `wire` is the client that measures; `_driver` runs
the generator, a child process; `_generator`, `_user` and `_behaviour` are the only files that import locust.

    from loadlab.load import WireHttpUser      in a locustfile: FastHttpUser's API, several times faster
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Protocol

OTHER = "(other)"
"""The name of all requests that have more names than are kept apart: URLs with ids in them, mostly."""


@dataclass(frozen=True)
class EndpointInterval:
    """One endpoint, one result, one interval. All times in whole microseconds, one entry a request, same order.

    latency_us: intended start to arrival in the kernel; service_us: actual start to arrival (uncorrected).
    """

    endpoint: str
    result: str
    latency_us: array[int]
    service_us: array[int]


@dataclass(frozen=True)
class Failures:
    """Failures of one kind in one interval."""

    endpoint: str
    error: str
    count: int
    first: float
    last: float
    sample: str = ""


@dataclass(frozen=True)
class LoadInterval:
    """What the generator did between `start` and `end` (seconds since the run's start). Counts are of the interval,
    `users` and `in_flight` as of its end."""

    start: float
    end: float
    users: int
    in_flight: int
    sent: int
    succeeded: int
    failed: int
    connects: int
    bytes_received: int
    not_sent: int = 0
    kernel_stamped: int = 0
    """Responses whose arrival time came from the kernel."""
    endpoints: tuple[EndpointInterval, ...] = ()
    schedule_lag_us: array[int] = field(default_factory=lambda: array("I"))
    reader_lag_us: array[int] = field(default_factory=lambda: array("I"))
    errors: tuple[Failures, ...] = ()
    due: int = 0
    """Open model: arrivals whose moment came."""
    waiting: int = 0
    """Of these, how many had not left at the interval's end, because `max_in_flight` requests were under way."""
    wanted: Wanted | None = None
    busiest_cores: float = 0.0
    """CPU seconds per second of its busiest process, by that process' own account: on another host nobody else sees."""
    busiest_delay: float = 0.0
    """Seconds per second that process was ready but not running."""
    cut: int = 0
    """The number with which it was told to end here; 0 where it ended by itself."""


@dataclass(frozen=True)
class Wanted:
    """What the locustfile's LoadTestShape said last. users None: nothing yet; classes: the only user classes that may
    be started, by name, () for all; over: it returned None, so the load ends."""

    shape: str
    users: int | None = None
    spawn_rate: float = 0.0
    classes: tuple[str, ...] = ()
    over: bool = False


class Listener(Protocol):
    """Who hears of each interval: the recorder and the live screen."""

    def interval(self, interval: LoadInterval) -> None:
        """One interval, in order, never late by more than a second."""
        ...


class Generator(Protocol):
    """The thin interface everything else uses. What makes the requests behind it can be exchanged."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes on this host, watched like any other."""
        ...

    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None:
        """Closed model: this many users from now on, spawned or stopped at once, or `spawn_rate` a second. classes:
        only these, by name."""
        ...

    def set_rate(self, rate: float) -> None:
        """Open model: this many requests a second from now on."""
        ...

    def replay(self) -> None:
        """Begin to send what LoadConfig.replay names, at its times."""
        ...

    def own_shape(self) -> None:
        """Begin to ask the locustfile's LoadTestShape once a second: its answers come as LoadInterval.wanted."""
        ...

    def stop(self) -> None:
        """No more requests; waits up to two seconds for those in flight, then ends the child."""
        ...


def __getattr__(name: str) -> Any:
    """`WireHttpUser` is loaded on demand: it imports locust, which patches the process."""
    if name == "WireHttpUser":
        from loadlab.load._user import WireHttpUser

        return WireHttpUser
    raise AttributeError(name)
