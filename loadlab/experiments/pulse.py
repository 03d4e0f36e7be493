"""Stopping and continuing processes for a share of the time, and knowing exactly when they stood."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from loadlab.errors import LoadlabError
from loadlab.experiments._beat import MAX_FDS

ANSWER_S = 2.0
"""The child answers within one beat (20 ms); a machine that needs a hundred times that is no place for an
experiment."""

Spans = list[tuple[float, float]]
"""When all processes stood: (stopped, continued) in seconds of CLOCK_MONOTONIC."""


class PulseError(LoadlabError):
    """The child that stops and continues has died or does not answer; everything has been continued."""


class Pulse(Protocol):
    """What an experiment needs of it."""

    def start(self, pidfds: Sequence[int], share: float) -> None:
        """Stop these processes for a share of the time, from now on."""
        ...

    def stop(self) -> Spans:
        """Continue them for good."""
        ...


class BeatProcess:
    """The real one: a child process, see _beat.py. A context manager; `pid` must never be a candidate."""

    def __init__(self) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "loadlab.experiments._beat", str(there.fileno())],
                cwd=Path(__file__).parents[2],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        here.settimeout(ANSWER_S)
        self._messages = here
        self.pid = self._child.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, pidfds: Sequence[int], share: float) -> None:
        """See Pulse. Raises PulseError."""
        try:
            for first in range(0, len(pidfds), MAX_FDS):
                chunk = list(pidfds[first : first + MAX_FDS])
                socket.send_fds(self._messages, [json.dumps({"do": "add"}).encode()], chunk)
            self._messages.sendall(json.dumps({"do": "beat", "share": share}).encode())
        except OSError as error:
            raise PulseError(f"the slow-down experiment's child process is gone: {error}") from error

    def stop(self) -> Spans:
        """See Pulse. Raises PulseError."""
        try:
            self._messages.sendall(json.dumps({"do": "rest"}).encode())
            answer = self._messages.recv(1 << 20)
            return [(float(stopped), float(continued)) for stopped, continued in json.loads(answer)]
        except (OSError, ValueError) as error:
            raise PulseError(f"the slow-down experiment's child process does not answer: {error}") from error

    def close(self) -> None:
        """The child continues everything and ends. It is killed where it does not; the caller continues its processes
        itself in any case."""
        self._messages.close()
        try:
            self._child.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(ANSWER_S)


def stood(spans: Spans, start: float, end: float) -> float:
    """The share of start..end in which the processes stood, 0..1."""
    inside = sum(max(0.0, min(continued, end) - max(stopped, start)) for stopped, continued in spans)
    return inside / (end - start) if end > start else 0.0
