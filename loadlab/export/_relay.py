"""Between the run and an export: a bounded queue and a thread. Whoever is told of an interval returns at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any, Self

from loadlab.load import LoadInterval

QUEUE = 120
"""Intervals that may wait: about two minutes. An interval at 40,000 requests/s is half a megabyte."""
CLOSE_S = 5.0
"""How long the end of a run waits for an export that still has something to write."""


class Relay:
    """Hands on to an export what it hears. A context manager. Never raises for what the export does: that is said once,
    and the export hears no more."""

    def __init__(self, name: str, export: Any, note: Callable[[str], None], queue: int = QUEUE) -> None:
        self._name = name
        self._export = export
        self._note = note
        self._queue: Queue[Callable[[], None]] = Queue(queue)
        self._closing = threading.Event()
        self._dropped = 0
        self._is_broken = False
        self._thread = threading.Thread(target=self._work, name=f"export-{name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def phase(self, name: str) -> None:
        """A phase starts."""
        self._put(lambda: self._export.phase(name))

    def interval(self, interval: LoadInterval) -> None:
        """What the generator did between two moments."""
        self._put(lambda: self._export.interval(interval))

    def close(self) -> None:
        """Waits CLOSE_S at most for what is in the queue; a second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(Full):
            self._queue.put_nowait(lambda: None)  # wakes the thread at once
        self._thread.join(CLOSE_S)
        left = self._queue.qsize() if self._thread.is_alive() else 0
        if (missing := self._dropped + left) and not self._is_broken:
            self._note(f"{self._name} could not follow: {missing} intervals are missing there; the recording has them")

    def _put(self, job: Callable[[], None]) -> None:
        if self._is_broken or self._closing.is_set():
            return
        try:
            self._queue.put_nowait(job)
        except Full:
            self._dropped += 1

    def _work(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            try:
                job = self._queue.get(timeout=1.0)
            except Empty:
                continue
            if not self._is_broken:
                self._try(job)
        self._try(self._export.close)

    def _try(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever an export does, the run goes on and says so
            if not self._is_broken:
                self._is_broken = True
                self._note(f"{self._name} stopped: {type(error).__name__}: {error}; the recording has all of it")
