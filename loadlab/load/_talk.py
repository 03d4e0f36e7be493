"""How a generator is spoken to, wherever it runs: commands as lines of JSON, intervals as frames (see _book.py)."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from loadlab.clock import Clock
from loadlab.errors import LoadError
from loadlab.load import Listener
from loadlab.load._book import LENGTHS, decode

READY_S = 20.0
"""Importing Locust takes one to three seconds; on a machine that swaps, longer."""
SILENT_S = 15.0
"""Without a word for so long the child is not slow: one of its users keeps the core and never yields."""


class Talk(ABC):
    """What is the same wherever a generator runs: commands out as lines, intervals in as frames. Implements
    load.Generator. A context manager."""

    def __init__(self, name: str, listener: Listener, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._listener = listener
        self._heard = threading.Event()
        self._last_word = clock.monotonic()
        self._stopping = False
        self._lock = threading.Lock()
        self.problem: str | None = None
        """Why it is gone, once it is; None while it runs or was stopped on purpose."""
        self._reader = threading.Thread(target=self._read, name="load-intervals", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes on this host."""
        return ()

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it still runs."""

    def wait_ready(self) -> None:
        """Until it has sent its first interval. Raises LoadError with its own last words where it cannot start."""
        deadline = self._clock.monotonic() + READY_S
        while not self._heard.wait(0.05):
            if not self.alive:
                raise LoadError(self._obituary("could not start"))
            if self._clock.monotonic() > deadline:
                raise LoadError(f"{self.name} said nothing for {READY_S:.0f} s{self._see()}")

    def check(self) -> None:
        """Raises LoadError where it died during the run, or says nothing any more."""
        if self.problem is None and self._clock.monotonic() - self._last_word > self._silent_s:
            self.problem = self._where_it_hangs()
        if self.problem is not None and not self._stopping:
            raise LoadError(self.problem)

    def set_users(self, users: int, spawn_rate: float = 0.0, classes: tuple[str, ...] = ()) -> None:
        """See load.Generator."""
        more = {"spawn_rate": spawn_rate} if spawn_rate else {}
        self._tell(users=users, **more, **({"classes": classes} if classes else {}))

    def set_rate(self, rate: float, part: tuple[int, int] | None = None) -> None:
        """See load.Generator. part: its place among how many that share an even rate, where that is a new one."""
        self._tell(rate=rate, **({} if part is None else {"part": part}))

    def replay(self) -> None:
        """See load.Generator."""
        self._tell(replay=True)

    def own_shape(self) -> None:
        """See load.Generator."""
        self._tell(own_shape=True)

    def cut(self, number: int = 1) -> None:
        """End the running interval now; it is heard of within milliseconds, with this number."""
        self._tell(cut=number)

    def stop(self) -> None:
        """See load.Generator. Harmless a second time."""
        if self._stopping:
            return
        self._stopping = True
        with suppress(LoadError):
            self._tell(stop=True)
        self._end()

    @property
    def _silent_s(self) -> float:
        """Without a word for so long it is gone, or hangs."""
        return SILENT_S

    @abstractmethod
    def _write(self, line: bytes) -> None:
        """Raises OSError."""

    @abstractmethod
    def _take(self, count: int) -> bytes:
        """So many bytes; fewer at its end."""

    @abstractmethod
    def _end(self) -> None:
        """It was told to stop: wait for it, and close what leads there."""

    @abstractmethod
    def _gone(self) -> None:
        """It says nothing any more; called once."""

    def _see(self) -> str:
        return ""

    @abstractmethod
    def _where_it_hangs(self) -> str:
        """It runs and says nothing."""

    @abstractmethod
    def _obituary(self, how: str) -> str:
        """It is gone; `how`: a verb."""

    def _tell(self, **command: Any) -> None:
        with self._lock:
            try:
                self._write(json.dumps(command).encode() + b"\n")
            except (OSError, ValueError) as error:
                raise LoadError(self._obituary("died")) from error

    def _read(self) -> None:
        while True:
            lengths = self._take(LENGTHS.size)
            if len(lengths) < LENGTHS.size:
                break
            head, body = LENGTHS.unpack(lengths)
            frame = self._take(head + body)
            if len(frame) < head + body:
                break
            self._last_word = self._clock.monotonic()
            try:
                self._listener.interval(decode(frame[:head], frame[head:]))
            except Exception as error:  # noqa: BLE001 - whoever listens, the child must not block on a full pipe
                self.problem = self.problem or f"what {self.name} measured could not be taken: {error!r}"
            self._heard.set()
        if not self._stopping:
            self._gone()
            self.problem = self._obituary("died")
