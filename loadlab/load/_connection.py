"""One HTTP/1.1 connection on gevent's loop that knows when the kernel had the answer.

A read watcher stays on the socket for the connection's life, so an answer costs one callback and one switch. `recvmsg`
brings the time the last segment reached the socket (SO_TIMESTAMPING, software receive stamps): however late this
process gets to read it, that is when the answer was there.
"""

from __future__ import annotations

import socket as s
import ssl
import struct
from collections.abc import Callable
from typing import Any

import gevent.socket
import gevent.ssl
import httptools
from gevent import getcurrent
from gevent.hub import get_hub

from loadlab.clock import SYSTEM

SO_TIMESTAMPING = 37
RX_SOFTWARE_AND_REPORT = 8 | 16
TIMESPEC = struct.Struct("=qq")
CHUNK = 65_536
ANCILLARY = s.CMSG_SPACE(48)
NO_BODY = frozenset({204, 304})
OFFSET_EVERY_S = 1.0
"""How often the distance between CLOCK_REALTIME, in which the kernel stamps, and CLOCK_MONOTONIC is measured again: a
clock that steps spoils a second at most, and stamps that make no sense are not used at all."""


class WireError(Exception):
    """A request that failed; `name` is what is counted, the text says more."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        super().__init__(f"{name}: {text}" if text else name)


class Offset:
    """CLOCK_MONOTONIC minus CLOCK_REALTIME, re-measured as time goes."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self.value = 0.0

    def now(self, monotonic: float) -> float:
        """The distance, at most OFFSET_EVERY_S old."""
        if monotonic - self._at > OFFSET_EVERY_S:
            before, wall, after = SYSTEM.monotonic(), SYSTEM.wall(), SYSTEM.monotonic()
            self.value, self._at = (before + after) / 2 - wall, monotonic
        return self.value


OFFSET = Offset()


class Connection:
    """`exchange` sends a request and gives the answer's raw parts. Raises WireError; after one the connection is
    dead."""

    def __init__(self, address: tuple[str, int] | str, timeout_s: float, tls: ssl.SSLContext | None, host: str) -> None:
        self.dead = False
        self.exchanges = 0
        self._greenlet: Any = None
        self._error: WireError | None = None
        self._head = False
        self._tls = tls is not None
        self._watcher: Any = None
        self._socket = connect(address, timeout_s, tls, host)
        self._reset()
        if not self._tls:
            self._raw = self._socket._sock
            self._raw.setsockopt(s.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)
            self._hub = get_hub()
            self._watcher = self._hub.loop.io(self._socket.fileno(), 1)
            self._watcher.start(self._readable)

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.on_message_begin()

    # What httptools calls.
    def on_message_begin(self) -> None:
        """A new answer."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self._complete = False
        self._began = False
        self._framed = False
        self._keep = True

    def on_status(self, _reason: bytes) -> None:
        """The first line is there."""
        self._began = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        """An answer to HEAD ends here, whatever length it announces."""
        # Asked now: once the message is complete the parser has forgotten.
        self._keep = self._parser.should_keep_alive()
        if self._head or self._parser.get_status_code() in NO_BODY:
            self._complete = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body, chunks already taken apart."""
        self.body.append(data)

    def on_message_complete(self) -> None:
        """The whole answer is there; an interim one (1xx) only announces it."""
        if 100 <= self._parser.get_status_code() < 200:
            self.on_message_begin()
        else:
            self._complete = True

    def exchange(self, request: bytes, timeout_s: float, *, head: bool = False) -> None:
        """Send and wait. Afterwards status, headers, body, arrived, read_at, stamped, received describe the answer."""
        self._head, self._error = head, None
        self._complete = self._began = self._framed = False
        self.arrived = self.read_at = 0.0
        self.stamped = False
        self.received = 0
        self.exchanges += 1
        try:
            self._send(request)
            if self._tls:
                self._read_tls(timeout_s)
            else:
                self._wait(timeout_s)
        except BaseException:
            self.close()
            raise
        self.status = self._parser.get_status_code()
        bodiless = head or self.status in NO_BODY
        if not self._keep or not (self._framed or bodiless):
            self.close()
        elif head:
            # The parser still waits for the body that the headers announced: the next answer gets a new one.
            headers = self.headers
            self._reset()
            self.headers = headers

    def _send(self, request: bytes) -> None:
        try:
            if self._tls:
                self._socket.sendall(request)
                return
            try:
                sent = self._raw.send(request)
            except BlockingIOError:
                sent = 0
            if sent < len(request):
                self._socket.sendall(request[sent:])
        except OSError as error:
            raise named(error, "while sending") from error

    def _wait(self, timeout_s: float) -> None:
        self._greenlet = getcurrent()
        deadlines[self] = SYSTEM.monotonic() + timeout_s
        try:
            # Woken by the watcher when the answer is whole or the connection broke, or by the sweep at the deadline.
            while not self._complete and self._error is None and not self.dead:
                self._hub.switch()
        finally:
            self._greenlet = None
            deadlines.pop(self, None)
        if self._error is not None:
            raise self._error
        if not self._complete:
            raise WireError("ConnectionClosed", "by the generator itself")

    def _readable(self) -> None:
        """Runs in gevent's hub: may not wait, must not raise."""
        try:
            data, ancillary, _, _ = self._raw.recvmsg(CHUNK, ANCILLARY)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.fail(named(error, "while reading"))
            return
        now = SYSTEM.monotonic()
        self._take(data, now, stamp(ancillary, now))
        if self._complete and self._greenlet is not None:
            self._greenlet.switch()

    def _take(self, data: bytes, now: float, arrived: float | None) -> None:
        self.read_at, self.stamped = now, arrived is not None
        self.arrived = now if arrived is None else arrived
        if not data:
            self._ended()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self.fail(WireError("BadResponse", str(error)))

    def _ended(self) -> None:
        """The server closed. That ends an answer without a length; a kept connection may be closed between answers."""
        if self._began and not self._complete and not self._framed:
            self._complete = True
            self.close()
        elif self._complete:
            self.close()
        else:
            self.fail(WireError("ConnectionClosed", "before the whole answer" if self._began else "without an answer"))

    def fail(self, error: WireError) -> None:
        """The connection broke; whoever waits on it is told."""
        self._error = error
        self.close()
        if self._greenlet is not None:
            self._greenlet.switch()

    def _read_tls(self, timeout_s: float) -> None:
        end = SYSTEM.monotonic() + timeout_s
        while not self._complete and self._error is None:
            left = end - SYSTEM.monotonic()
            try:
                self._socket.settimeout(max(0.001, left))
                data = self._socket.recv(CHUNK)
            except OSError as error:
                raise named(error, "while reading") from error
            self._take(data, SYSTEM.monotonic(), None)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Give the socket back; harmless a second time."""
        if self.dead:
            return
        self.dead = True
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
        self._socket.close()


deadlines: dict[Connection, float] = {}
"""Connections that wait for an answer, and until when. One sweep a quarter of a second looks after all of them: a timer
for each request would cost more than sending it."""


def sweep() -> None:
    """Fail those past their deadline."""
    now = SYSTEM.monotonic()
    for connection in [each for each, deadline in deadlines.items() if deadline <= now]:
        connection.fail(WireError("Timeout", "no whole answer in time"))


def sweeping(pause: Callable[[float], None]) -> None:
    """Runs `sweep` for ever."""
    while True:
        pause(0.25)
        sweep()


def stamp(ancillary: list[tuple[int, int, bytes]], now: float) -> float | None:
    """The kernel's receive time on CLOCK_MONOTONIC; None where there is none, or one that cannot be (a clock step)."""
    for level, kind, data in ancillary:
        if level == s.SOL_SOCKET and kind == SO_TIMESTAMPING and len(data) >= TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack_from(data)
            arrived: float = seconds + nanoseconds * 1e-9 + OFFSET.now(now)
            if now - 10.0 < arrived <= now + 0.002:
                return min(arrived, now)
    return None


def connect(address: tuple[str, int] | str, timeout_s: float, tls: ssl.SSLContext | None, host: str) -> Any:
    """A connected gevent socket. `address` is (host, port) or the path of a Unix socket. Raises WireError."""
    try:
        if isinstance(address, str):
            made = gevent.socket.socket(s.AF_UNIX, s.SOCK_STREAM)
            made.settimeout(timeout_s)
            made.connect(address)
        else:
            made = gevent.socket.create_connection(address, timeout_s)
            made.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, 1)
        if tls is not None:
            made = gevent.ssl.SSLSocket(sock=made, server_hostname=host, _context=tls)
    except s.gaierror as error:
        raise WireError("NameNotFound", str(error)) from error
    except OSError as error:
        raise named(error, "while connecting") from error
    return made


NAMES: tuple[tuple[type[OSError], str], ...] = (
    (TimeoutError, "Timeout"),
    (ConnectionRefusedError, "ConnectionRefused"),
    (ConnectionResetError, "ConnectionReset"),
    (BrokenPipeError, "ConnectionReset"),
    (ssl.SSLCertVerificationError, "CertificateInvalid"),
    (ssl.SSLError, "TLSError"),
)
TOO_MANY_FILES = (23, 24)
NO_ADDRESS = 99


def named(error: OSError, when: str) -> WireError:
    """An operating system's error under the name it is counted by."""
    if error.errno in TOO_MANY_FILES:
        return WireError("TooManyOpenFiles", f"{when}: this generator is at its own open-file limit (ulimit -n)")
    if error.errno == NO_ADDRESS:
        return WireError("NoLocalPort", f"{when}: this host has no local port left")
    name = next((name for kind, name in NAMES if isinstance(error, kind)), type(error).__name__)
    return WireError(name, f"{error} {when}")
