"""3b WHO ELSE HEARS. The load's figures while a run lasts, for other programs: a CSV file, an OpenMetrics endpoint,
OpenTelemetry. The recording does not depend on them, nor do verdicts.

A unit is one place to which figures go:

    def start(where: str, about: About) -> Export      where: what the user gave: a file, a port; raises UsageError

All hear the same two things, what `Export` names; each behind a queue and a thread of its own (`_relay`), so that one
that is slow, hangs or breaks disturbs neither the load nor the recording nor the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from loadlab.catalogue import units
from loadlab.clock import Clock
from loadlab.export._relay import Relay
from loadlab.load import LoadInterval

UNIT = ("start",)


class Export(Protocol):
    """Where figures go. May be slow, may raise; is called by one thread."""

    def phase(self, name: str) -> None:
        """A phase of the run starts."""
        ...

    def interval(self, interval: LoadInterval) -> None:
        """What the generator did between two moments."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


@dataclass(frozen=True)
class About:
    """The run whose figures they are. system: its name; t0: CLOCK_MONOTONIC of the run's start; note: a line for
    people."""

    system: str
    clock: Clock
    t0: float
    note: Callable[[str], None]

    @property
    def wall0(self) -> float:
        """The run's start in seconds since the epoch."""
        return self.clock.wall() - (self.clock.monotonic() - self.t0)


@contextmanager
def started(wanted: Mapping[str, str], about: About) -> Iterator[tuple[Relay, ...]]:
    """Exports by name of their unit, with where each goes, until the body ends. Raises UsageError."""
    with ExitStack() as stack:
        relays = []
        for name, where in wanted.items():
            relay = Relay(name, units("export")[name].start(where, about), about.note)
            relays.append(stack.enter_context(relay))
        yield tuple(relays)
