"""What a run says where nobody watches a screen: a line per phase, and one about every five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from loadlab.cli import _terminal
from loadlab.cli._words import FULL_PHASES, SHOWN, megabytes, milliseconds

if TYPE_CHECKING:
    from rich.console import Console

    from loadlab.live import Live, ServiceLive
    from loadlab.spec.model import Profile

EVERY_S = 5.0


class Nobody:
    """An Audience that hears and says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def phase(self, name: str, ends_in_s: float | None) -> None:
        """Not shown."""

    def tick(self, live: Live) -> None:
        """Not shown."""

    def note(self, text: str) -> None:
        """Not shown."""


class Lines(Nobody):
    """An Audience for logs."""

    def __init__(self, console: Console, system: str, profile: Profile) -> None:
        self._console = console
        self._head = f"loadlab run {system}: profile {profile.name}, about {profile.duration_s:g} s"
        self._last = -EVERY_S

    def __enter__(self) -> Self:
        self._say(self._head)
        return self

    def phase(self, name: str, ends_in_s: float | None) -> None:
        """`steady: the measured window (12 s)`."""
        lasts = f" ({ends_in_s:.0f} s)" if ends_in_s else ""
        self._say(f"{name}: {FULL_PHASES.get(name, name)}{lasts}")

    def tick(self, live: Live) -> None:
        """Figures, not more often than every five seconds; none before there are users."""
        if (live.users or live.rps) and live.t - self._last >= EVERY_S:
            self._last = live.t
            self._say(figures(live))

    def note(self, text: str) -> None:
        """As it is."""
        self._say(text)

    def _say(self, text: str) -> None:
        _terminal.say(text, self._console)


def figures(live: Live) -> str:
    """One line, `key value` pairs: easy to read, easy to grep."""
    load = (
        f"{live.t:6.1f} s  users {live.users}  {live.rps:.0f} requests/s  p50 {milliseconds(live.p50_ms)}"
        f"  p99 {milliseconds(live.p99_ms)}  errors {live.errors}"
    )
    return "  |  ".join((load, *map(_service, live.services)))


def _service(service: ServiceLive) -> str:
    loop = "" if service.loop_busy is None else f", loop {100 * service.loop_busy:.0f}% busy"
    many = f" x{service.instances}" if service.instances > 1 else ""
    ended = f" ({service.ended_cores:.2f} of programs that ended)" if service.ended_cores >= SHOWN else ""
    return f"{service.name}{many} {service.cpu_cores:.2f} cores{ended}{loop}, {megabytes(service.rss_bytes)}"
