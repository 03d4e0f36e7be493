"""A server that answers what a test tells it to, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from loadlab.clock import SYSTEM
from loadlab.load._book import Book
from loadlab.load.wire import WireClient

CERTIFICATE = Path(__file__).parent / "tls" / "cert.pem"
KEY = Path(__file__).parent / "tls" / "key.pem"
EXPIRED = Path(__file__).parent / "tls" / "expired.pem"
"""Of the same key, over since 2021."""

Act = Callable[[socket.socket], object]
Step = bytes | Act
"""What happens after a request was read: these bytes are sent, or this is done with the connection."""


def ok(body: bytes = b"hello", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    lines = b"".join(each + b"\r\n" for each in headers)
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def close(connection: socket.socket) -> None:
    """Without an answer."""
    connection.close()


def reset(connection: socket.socket) -> None:
    """Without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def then_close(data: bytes) -> Act:
    """Send, and close."""

    def act(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.close()

    return act


def slowly(data: bytes, pause_s: float) -> Act:
    """Byte by byte."""

    def act(connection: socket.socket) -> None:
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            SYSTEM.sleep(pause_s)

    return act


def never(connection: socket.socket) -> None:
    """No answer; waits until the client gives up."""
    with suppress(OSError):
        connection.recv(1)


@dataclass
class Scripted:
    """Takes one step for each request, in order; the last one again and again."""

    steps: tuple[Step, ...]
    tls: bool = False
    certificate: Path = CERTIFICATE
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self._listener.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, KEY)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.tls:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        while request := self._read(connection):
            with self._lock:
                step = self.steps[min(len(self.requests), len(self.steps) - 1)]
                self.requests.append(request)
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                step(connection)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65_536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def stop(self) -> None:
        """Nothing of it stays open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()


@dataclass
class Rig:
    """A client, what it counts, and the server it talks to."""

    server: Scripted
    book: Book
    client: WireClient

    @property
    def law(self) -> bool:
        """sent = succeeded + failed + in flight."""
        counts = self.book.counts
        return counts.sent == counts.succeeded + counts.failed + self.book.in_flight and self.book.in_flight == 0

    def errors(self) -> list[str]:
        """Kinds of failure so far, in this interval."""
        return [each.error for each in self.book.cut(SYSTEM.monotonic()).errors]


Serve = Callable[..., Rig]


def header(request: bytes, name: str) -> str | None:
    """A header of a request as the server read it; fails where there are two."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    found = [line.partition(":")[2].strip() for line in lines if line.lower().startswith(name.lower() + ":")]
    assert len(found) <= 1, found
    return found[0] if found else None
