"""The live screen: drawn anew once a second in a thread of its own, and the terminal put back whatever happens."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live as Region
from rich.text import Text

from loadlab.cli._frame import Frame, draw
from loadlab.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from loadlab.live import Live
    from loadlab.spec.model import Profile

EVERY_S = 1.0
"""Drawing takes about 5 ms: more often would show in what the observer costs."""
REMEMBERED = 200


class Screen:
    """An Audience that draws. Rich asks `__rich_console__` for the picture, so a resized terminal fits at once."""

    def __init__(self, console: Console, system: str, profile: Profile, clock: Clock = SYSTEM) -> None:
        self._console, self._clock = console, clock
        self._system, self._profile = system, profile
        self._lock = threading.RLock()
        self._began = self._phase_began = clock.monotonic()
        self._done: tuple[str, ...] = ()
        self._phase, self._phase_s = "start", 0.0
        self._live: Live | None = None
        self._history: tuple[float, ...] = ()
        self._cores = len(os.sched_getaffinity(0))
        self._region = Region(self, console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        # Rich composes and writes in two steps. One at a time, or a note and a picture that meet leave half a picture;
        # and by the same thread again, for a signal may come while it draws.
        self._drawing = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="screen", daemon=True)

    def __enter__(self) -> Self:
        self._region.start(refresh=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._drawing:
            self._region.stop()

    def phase(self, name: str, ends_in_s: float | None) -> None:
        """The phase before gets its tick mark."""
        with self._lock:
            if self._phase != name and self._phase not in self._done:
                self._done = (*self._done, self._phase)
            self._phase, self._phase_s = name, ends_in_s or 0.0
            self._phase_began = self._clock.monotonic()
        self._draw()

    def tick(self, live: Live) -> None:
        """Kept until the next drawing."""
        with self._lock:
            self._live = live
            self._history = (*self._history[-REMEMBERED:], live.rps)

    def note(self, text: str) -> None:
        """A line above the picture, which stays when the picture is gone."""
        with self._drawing:
            self._console.print(Text(text, "dim"))

    def frame(self) -> Frame:
        """What is to be drawn now."""
        with self._lock:
            now = self._clock.monotonic()
            return Frame(
                system=self._system,
                profile=self._profile.name,
                duration_s=self._profile.duration_s,
                elapsed_s=now - self._began,
                done=self._done,
                phase=self._phase,
                phase_s=self._phase_s,
                phase_left_s=max(0.0, self._phase_s - (now - self._phase_began)),
                live=self._live,
                history=self._history,
                cores=self._cores,
            )

    def _keep_drawing(self) -> None:
        while not self._over.wait(EVERY_S):
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            if not self._over.is_set():
                self._region.refresh()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield draw(self.frame(), options.max_width)
