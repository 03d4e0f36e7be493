"""A question to a server over loopback that never holds up other probes: what comes late is read at the next tick."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 0.05
"""How long one tick waits. A server with time answers in a millisecond; one that is busy with a slow command answers
when that is over, and its answer is then read at the next tick."""
CONNECT_S = 0.25
MOST_BYTES = 8 << 20
"""A longer answer is none of those that are asked for here."""

Complete = Callable[[bytes, bool], T | None]
"""(what came so far, whether the server closed) -> the answer, None while it is not whole."""


class Line(Generic[T]):
    """A connection on which the same is asked again and again."""

    def __init__(self, port: int, complete: Complete[T], host: str = "127.0.0.1") -> None:
        self._host, self._port = host, port
        self._complete = complete
        self._socket: socket.socket | None = None
        self._came: bytes | None = None

    def ask(self, question: bytes) -> T | None:
        """The answer to this question, or to the last one where that came late; None while there is none. Raises
        OSError where the server does not answer the way it should."""
        try:
            return self._ask(question)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket, self._came = None, None

    def _ask(self, question: bytes) -> T | None:
        connected = self._socket or socket.create_connection((self._host, self._port), CONNECT_S)
        self._socket = connected
        if self._came is None:
            connected.sendall(question)
            self._came = b""
        while select.select([connected], [], [], PATIENCE_S)[0]:
            part = connected.recv(65_536)
            self._came += part
            answer = self._complete(self._came, not part)
            if answer is not None:
                self._came = None
                if not part:
                    self.close()
                return answer
            if not part or len(self._came) > MOST_BYTES:
                raise ConnectionError(f"port {self._port} hung up, or said what nobody asked: {self._came[:80]!r}")
        return None


def command(*words: str | bytes) -> bytes:
    """One command in the protocol of Redis."""
    raw = [each.encode() if isinstance(each, str) else each for each in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%b\r\n" % (len(each), each) for each in raw)


def replies(count: int) -> Complete[list[Any]]:
    """That many replies in the protocol of Redis (RESP 2): bytes, int, None, lists of them; an error is a str."""

    def complete(data: bytes, _closed: bool) -> list[Any] | None:
        found, at = [], 0
        for _ in range(count):
            try:
                value, at = _reply(data, at)
            except IndexError:
                return None
            found.append(value)
        return found

    return complete


def _reply(data: bytes, at: int) -> tuple[Any, int]:
    """The value that begins at `at`, and where the next begins. Raises IndexError for one that is not whole."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise IndexError(at)
    kind, rest, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"$":
        length = int(rest)
        if length < 0:
            return None, at
        if len(data) < at + length + 2:
            raise IndexError(at)
        return data[at : at + length], at + length + 2
    if kind == b"*":
        items = []
        for _ in range(max(0, int(rest))):
            value, at = _reply(data, at)
            items.append(value)
        return items, at
    if kind == b":":
        return int(rest), at
    return (rest.decode("utf-8", "replace") if kind == b"-" else rest), at


def until_closed(data: bytes, closed: bool) -> bytes | None:
    """All a server says before it hangs up."""
    return data if closed else None
