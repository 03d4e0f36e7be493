"""WebSocket sessions over the connections that measure: a message and the one that answers it are a request, timed as
any other. The protocol is wsproto's."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import wsproto
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._connection import Connection
from loadlab.load._request import clean


class Heard(NamedTuple):
    """A message, with the times of its last segment in CLOCK_MONOTONIC."""

    data: str | bytes
    arrived: float
    read_at: float
    stamped: bool


class Frames:
    """In the place of load._answer.Answer: messages instead of answers. Pure.

    replies: bytes to send at once, of pongs and a goodbye. whole: messages since it was last emptied.
    """

    def __init__(self) -> None:
        self.protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self.complete = False
        self.keep = True
        self.accepted = False
        self.replies = b""
        self.whole: list[str | bytes] = []
        self._parts: list[Any] = []

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises WireError."""
        try:
            self.protocol.receive_data(data)
            for event in self.protocol.events():
                self._take(event)
        except ProtocolError as error:
            raise WireError("BadResponse", str(error)) from error

    def end(self) -> None:
        """The server closed. Raises WireError("ConnectionClosed")."""
        raise WireError("ConnectionClosed", "by the server")

    def _take(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self.accepted = self.complete = True
        elif isinstance(event, RejectConnection):
            raise WireError(f"HTTP {event.status_code}", "no WebSocket")
        elif isinstance(event, Ping):
            self.replies += self.protocol.send(event.response())
        elif isinstance(event, CloseConnection):
            raise WireError("ConnectionClosed", f"by the server: {event.code} {event.reason or ''}")
        elif isinstance(event, Message):
            self._parts.append(event.data)
            if event.message_finished:
                self.whole.append(type(event.data)().join(self._parts))
                self._parts = []
                self.complete = True


class Line(Connection):
    """One session: `open`, then `say` and `hear` in any order. All raise WireError; after one the line is dead."""

    answer: Any

    def __init__(self, address: tuple[str, int] | str, timeout_s: float, tls: ssl.SSLContext | None, host: str) -> None:
        super().__init__(address, timeout_s, tls, host)
        self._frames = self.answer = Frames()
        self._heard: deque[Heard] = deque()
        # Whatever comes, whenever it does, is a message.
        self._expecting = True
        self._sent_at = SYSTEM.monotonic()

    def open(self, netloc: str, target: str, headers: Mapping[str, str], deadline: float) -> Self:
        """The handshake."""
        raw = [(clean(key).encode("latin-1"), clean(value).encode("latin-1")) for key, value in headers.items()]
        self._write(Request(host=netloc, target=target, extra_headers=raw), deadline)
        self._until_complete(deadline)
        return self

    def say(self, data: str | bytes, deadline: float) -> None:
        """One message, of text or of bytes."""
        self._write(TextMessage(data=data) if isinstance(data, str) else BytesMessage(data=data), deadline)

    def hear(self, deadline: float) -> Heard:
        """The next message."""
        if not self._heard:
            self._frames.complete = False
            self._until_complete(deadline)
        return self._heard.popleft()

    def ask(self, data: str | bytes, deadline: float) -> Heard:
        """Say it, and the first message that arrived after that; earlier ones stay to be heard."""
        said, at = SYSTEM.monotonic(), len(self._heard)
        self.say(data, deadline)
        while True:
            for heard in list(self._heard)[at:]:
                if heard.arrived >= said:
                    self._heard.remove(heard)
                    return heard
            at = len(self._heard)
            self._frames.complete = False
            self._until_complete(deadline)

    def goodbye(self) -> None:
        """Close it in order, as far as that can be done without waiting."""
        if not self.dead:
            self._reply(self._frames.protocol.send(CloseConnection(code=1000)))
        self.close()

    def _write(self, event: Event, deadline: float) -> None:
        if self.dead:
            raise self._error or WireError("ConnectionClosed", "before")
        data = self._frames.protocol.send(event)
        self._frames.complete = False
        try:
            self._send(data if self._tls is None else self._tls.encrypt(data), deadline)
        except BaseException:
            self.close()
            raise

    def _until_complete(self, deadline: float) -> None:
        if self._error is not None:
            raise self._error
        try:
            self._wait(deadline)
        except BaseException:
            self.close()
            raise

    def _take(self, data: bytes, now: float, ancillary: list[tuple[int, int, bytes]]) -> None:
        try:
            super()._take(data, now, ancillary)
        finally:
            heard = [Heard(each, self.arrived, now, self.stamped) for each in self._frames.whole]
            self._heard.extend(heard)
            self._frames.whole.clear()
            replies, self._frames.replies = self._frames.replies, b""
            self._reply(replies)

    def _reply(self, data: bytes) -> None:
        """From gevent's hub, so without waiting: a server that reads nothing gets no pong."""
        if data:
            try:
                self._raw.send(data if self._tls is None else self._tls.encrypt(data))
            except OSError:
                return
