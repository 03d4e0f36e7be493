"""Stacks of the services' processes, in a window of their own: the measured window is never profiled.

Each language has a source of its own; all of them look at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from typing import Any, Protocol

from loadlab.clock import Clock
from loadlab.probes import _hotspot, _native, _pyspy, _v8
from loadlab.probes._stack_run import Source, StackRun
from loadlab.probes._tree import Member, Tree
from loadlab.services import Targets

SOURCES: tuple[Source, ...] = (_pyspy.record, _v8.record, _hotspot.record, _native.record)
OWN = ("generator", "loadlab")


class Book(Protocol):
    """What this needs of the Recorder."""

    def stacks(self, service: str, instance: int, pid: int, mode: str, folded: str) -> None:
        """Keep the folded stacks of one process."""
        ...

    def event(
        self, kind: str, service: str = "", instance: int = 0, pid: int = 0, t: float | None = None, **data: Any
    ) -> None:
        """Keep a note."""
        ...


class Window:
    """Takes stacks of every service when called with a duration: what load/_conduct wants."""

    def __init__(
        self, targets: Targets, book: Book, clock: Clock, t0: float, sources: Sequence[Source] = SOURCES
    ) -> None:
        self._targets = targets
        self._book = book
        self._clock = clock
        self._t0 = t0
        self._sources = sources

    def __call__(self, duration_s: float) -> None:
        """Blocks for the duration and records what was seen; a refusal is recorded as a note."""
        started = self._clock.monotonic()
        everybody = Tree(self._targets).members(started - self._t0)
        members = [each for each in everybody if each.target.service not in OWN]
        stop = threading.Event()
        with ThreadPoolExecutor(len(self._sources), "stacks") as pool:
            looking = [pool.submit(source, members, duration_s, self._clock, stop) for source in self._sources]
            try:
                wait(looking)
            finally:
                stop.set()  # Ctrl-C does not wait for the end of the window
        for each in looking:
            self._keep(each, members)
        # The level lasts as long as was asked for, whether or not there was anything to profile.
        self._clock.sleep(started + duration_s - self._clock.monotonic())

    def _keep(self, looking: Future[list[StackRun]], members: Sequence[Member]) -> None:
        try:
            runs = looking.result()
        except Exception as error:  # noqa: BLE001 - one broken source neither stops the run nor disappears
            text = f"a profiler failed: {type(error).__name__}: {error}"
            runs = [
                StackRun(each, "", {}, text) for each in {one.target.service: one.target for one in members}.values()
            ]
        for run in runs:
            for pid, text in run.by_pid.items():
                self._book.stacks(run.target.service, run.target.instance, pid, run.mode, text)
            where = (run.target.service, run.target.instance)
            if run.error:
                self._book.event("note", *where, text=run.error, subject=run.subject)
            if run.alive is not None:
                found = asdict(run.alive)
                self._book.event("alive", *where, found.pop("pid"), **found)
