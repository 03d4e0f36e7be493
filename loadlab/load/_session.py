"""`self.client.ws(...)`: what a user does with a WebSocket, each answered message counted as a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._response import Response, reason
from loadlab.load._websocket import Heard, Line

HTTP = {"ws": "http", "wss": "https"}


@dataclass(frozen=True)
class Hands:
    """What a session needs of its client: when the next request is meant to leave, an open line, counting."""

    base_url: str
    ledger: Any
    intended: Callable[[], float]
    dial: Callable[[float], Line]
    finish: Callable[[Response, str], None]


class Session:
    """In a with statement. The first message connects, which is counted as `WSOPEN name`; each `ask` as `WS name`.

    A failure is counted, ends the session and the with statement's body, and is not raised beyond it.
    """

    def __init__(self, hands: Hands, path: str, name: str | None, timeout_s: float) -> None:
        self._hands = hands
        self._path = path
        self._name = name or path
        self._timeout_s = timeout_s
        self._line: Line | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        line, self._line = self._line, None
        if line is not None:
            line.goodbye()
            self._hands.ledger.counts.bytes_received += line.received
        return isinstance(value, WireError)

    def ask(self, message: str | bytes, name: str | None = None) -> str | bytes:
        """Sends it, and waits for the first message that arrives after that, which is taken for its answer; earlier
        ones are left to `receive`. Raises WireError."""
        line, deadline = self._open(), SYSTEM.monotonic() + self._timeout_s
        return self._counted("WS", name or self._name, lambda: line.ask(message, deadline)).data

    def send(self, message: str | bytes) -> None:
        """Sends it; nothing is waited for and nothing counted. Raises WireError."""
        self._open().say(message, SYSTEM.monotonic() + self._timeout_s)

    def receive(self) -> str | bytes:
        """The next message, also one that came already. Not counted: there is no request that it answers. Raises
        WireError."""
        return self._open().hear(SYSTEM.monotonic() + self._timeout_s).data

    def _open(self) -> Line:
        if self._line is None:
            self._counted("WSOPEN", self._name, self._connect)
        if self._line is None:  # it is there, or _counted raised
            raise WireError("ConnectionClosed", "before it was open")
        return self._line

    def _connect(self) -> Heard:
        line = self._line = self._hands.dial(SYSTEM.monotonic() + self._timeout_s)
        return Heard("", line.arrived, line.read_at, line.stamped)

    def _counted(self, kind: str, name: str, work: Callable[[], Heard]) -> Heard:
        hands = self._hands
        intended, label = hands.intended(), f"{kind} {name}"
        hands.ledger.sent()
        started = SYSTEM.monotonic()
        response = Response(hands.base_url, self._path, 101, [], [])
        heard = Heard("", 0.0, 0.0, stamped=False)
        try:
            heard = work()
            response.size = len(heard.data)
            _, response.arrived, response.read_at, response.stamped = heard
        except WireError as error:
            response.status_code, response.error = 0, error
            response.arrived = response.read_at = SYSTEM.monotonic()
        except BaseException:
            hands.ledger.abandoned(label, intended, started, SYSTEM.monotonic())
            raise
        response.intended, response.started, response.name, response.request_type = intended, started, label, kind
        hands.finish(response, reason(response))
        if response.error is not None:
            raise response.error
        return heard
