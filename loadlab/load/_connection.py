"""One HTTP/1.1 connection on gevent's loop that knows when the kernel had the answer.

A read watcher stays on the socket for the connection's life, so an answer costs one callback and one switch. `recvmsg`
brings the time the last segment reached the socket (SO_TIMESTAMPING, software receive stamps): however late this
process gets to read it, that is when the answer was there. TLS runs over memory, so that the same holds for it.
"""

from __future__ import annotations

import socket as s
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent.socket
from gevent import getcurrent
from gevent.hub import get_hub

from loadlab.clock import SYSTEM
from loadlab.load._answer import Answer, WireError

SO_TIMESTAMPING = 37
RX_SOFTWARE_AND_REPORT = 8 | 16
TIMESPEC = struct.Struct("=qq")
timespec = TIMESPEC.unpack_from
CHUNK = 65_536
ANCILLARY = s.CMSG_SPACE(48)
OFFSET_EVERY_S = 1.0
"""How often the distance between CLOCK_REALTIME, in which the kernel stamps, and CLOCK_MONOTONIC is measured again: a
clock that steps spoils a second at most, and stamps that make no sense are not used at all."""
TRIES = 5
"""Measurements of that distance, of which the quickest counts: in the others this process was interrupted."""
SWEEP_S = 0.05
"""How often deadlines are looked at. A timer for each request would cost more than sending it."""
AHEAD_S = 0.002
"""A stamp may lie this far in the future before it is not believed: slewing moves CLOCK_REALTIME by 0.5 ms a second."""
NEVER = float("inf")


def keep_stamping() -> None:
    """The kernel begins to stamp a moment after the first socket of the machine asks for it, and ends with the last:
    one that stays open as long as this process lets the first answers be stamped, too."""
    with suppress(OSError), s.socket(s.AF_INET, s.SOCK_DGRAM) as keeper:
        keeper.setsockopt(s.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)
        keeper.detach()


keep_stamping()


class Offset:
    """CLOCK_MONOTONIC minus CLOCK_REALTIME, re-measured as time goes."""

    def __init__(self) -> None:
        self.until = float("-inf")
        self.value = 0.0

    def now(self, monotonic: float) -> float:
        """The distance, at most OFFSET_EVERY_S old."""
        if monotonic > self.until:
            self.value = min(self._measure() for _ in range(TRIES))[1]
            self.until = monotonic + OFFSET_EVERY_S
        return self.value

    def _measure(self) -> tuple[float, float]:
        before, wall, after = SYSTEM.monotonic(), SYSTEM.wall(), SYSTEM.monotonic()
        return after - before, (before + after) / 2 - wall


OFFSET = Offset()


class Connection:
    """`exchange` sends a request and waits for the answer; `answer`, `first` and `arrived` (its first and its last
    bytes), `read_at`, `stamped` (the kernel's own time) and `received` then describe it. Raises WireError; after one
    the connection is dead."""

    def __init__(self, address: tuple[str, int] | str, timeout_s: float, tls: ssl.SSLContext | None, host: str) -> None:
        began = SYSTEM.monotonic()
        self.dead = False
        self.received = 0
        self.deadline = NEVER
        self.answer = Answer()
        self._wake: Callable[[], object] | None = None
        self._error: WireError | None = None
        self._expecting = False
        self._socket = connect(address, timeout_s)
        self._tls = None if tls is None else Tls(tls, host)
        self.tls_s = 0.0
        if self._tls is not None:
            reached = SYSTEM.monotonic()
            self._shake_hands(self._tls)
            self.tls_s = SYSTEM.monotonic() - reached
        self._raw = self._socket._sock
        with suppress(OSError):
            # Refused: the time of reading counts instead, and kernel_stamped says so.
            self._raw.setsockopt(s.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE_AND_REPORT)
        self._hub = get_hub()
        self._watcher = self._hub.loop.io(self._socket.fileno(), 1)
        self._watcher.start(self._readable)
        self.connect_s = SYSTEM.monotonic() - began
        self.first = 0.0
        sweeper.watch(self)

    def _shake_hands(self, tls: Tls) -> None:
        try:
            tls.handshake(self._socket)
        except BaseException as error:
            self._socket.close()
            if isinstance(error, OSError):
                raise named(error, "while connecting") from error
            raise

    def exchange(self, request: bytes, now: float, deadline: float, *, head: bool = False) -> None:
        """deadline: of the whole answer, in CLOCK_MONOTONIC. head: the request is HEAD."""
        answer = self.answer
        answer.begin(head=head)
        self.received = 0
        self.first = 0.0
        self._error = None
        self._expecting = True
        self._sent_at = now
        try:
            self._send(request if self._tls is None else self._tls.encrypt(request), deadline)
            self._wait(deadline)
        except BaseException:
            self.close()
            raise
        self._expecting = False
        if not answer.keep:
            self.close()

    def send_off(self, request: bytes, now: float, deadline: float, then: Callable[[], object]) -> bool:
        """As `exchange`, without a greenlet that waits: `then` is called in the hub when the answer is there, or it is
        sure that none comes; `outcome` says which. False where the request could not be sent at once: the connection
        is closed, and nothing was asked."""
        self.answer.begin(head=False)
        self.received = 0
        self.first = 0.0
        self._error = None
        self._sent_at = now
        try:
            sent = self._raw.send(request if self._tls is None else self._tls.encrypt(request))
        except OSError:
            sent = 0
        if sent < len(request):
            self.close()
            return False
        self._expecting, self._wake, self.deadline = True, then, deadline
        return True

    def outcome(self) -> WireError | None:
        """What became of what was asked; once, when it is over."""
        self._expecting, self._wake, self.deadline = False, None, NEVER
        if self._error is None and self.answer.complete and not self.answer.keep:
            self.close()
        return self._error

    def _send(self, request: bytes, deadline: float) -> None:
        try:
            try:
                sent = self._raw.send(request)
            except BlockingIOError:
                sent = 0
            if sent < len(request):
                self._socket.settimeout(max(0.001, deadline - SYSTEM.monotonic()))
                self._socket.sendall(request[sent:])
        except OSError as error:
            # A server may refuse a body before it has read it: what it said then is the answer.
            if not self.answer.complete:
                raise self._error or named(error, "while sending") from error
            # The next request would begin in the middle of this one's body.
            self.answer.keep = False

    def _wait(self, deadline: float) -> None:
        self._wake, self.deadline = getcurrent().switch, deadline
        try:
            # Woken by the watcher when the answer is whole or the connection broke, or by the sweep at the deadline.
            while not self.answer.complete and self._error is None and not self.dead:
                self._hub.switch()
        finally:
            self._wake, self.deadline = None, NEVER
        if self._error is not None:
            raise self._error
        if not self.answer.complete:
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
        self.received += len(data)
        try:
            self._take(data, now, ancillary)
        except WireError as error:
            self.fail(error)
            return
        if self.answer.complete and self._wake is not None:
            self._wake()

    def _take(self, data: bytes, now: float, ancillary: list[tuple[int, int, bytes]]) -> None:
        ended = not data
        if self._tls is not None:
            try:
                data, ended = self._tls.decrypt(data)
            except OSError as error:
                raise named(error, "while reading") from error
        if ended:
            # An end stays readable: without this the loop would spin until the socket is closed.
            self._watcher.stop()
        if not self._expecting:
            if data or ended:
                # Closed while idle, or an answer that nobody asked for.
                self.close()
            return
        if data or ended:
            self.read_at = now
            arrived = stamp(ancillary, now, self._sent_at)
            self.stamped = arrived is not None
            self.arrived = now if arrived is None else arrived
            if not self.first:
                self.first = self.arrived
        if data:
            self.answer.feed(data)
        if ended:
            self.answer.end()

    def fail(self, error: WireError) -> None:
        """The connection broke; whoever waits on it is told. Runs in the hub."""
        self._error = error
        self.close()
        if self._wake is not None:
            self._wake()

    def close(self) -> None:
        """Give the socket back; harmless a second time."""
        if self.dead:
            return
        self.dead = True
        sweeper.forget(self)
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()


class Sweeper:
    """Fails connections that are past their deadline."""

    def __init__(self) -> None:
        self._open: dict[Connection, None] = {}
        self._timer: Any = None

    def watch(self, connection: Connection) -> None:
        """A new connection."""
        self._open[connection] = None
        if self._timer is None:
            self._timer = get_hub().loop.timer(SWEEP_S, SWEEP_S)
            self._timer.start(self._sweep)

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._open.pop(connection, None)
        if not self._open and self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _sweep(self) -> None:
        now = SYSTEM.monotonic()
        for connection in [each for each in self._open if each.deadline <= now]:
            connection.fail(WireError("Timeout", "no whole answer in time"))


sweeper = Sweeper()


class Tls:
    """TLS over memory: the connection moves the bytes itself, so it knows when they arrived."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def handshake(self, socket: Any) -> None:
        """Over a gevent socket. Raises OSError, of which ssl.SSLError is a kind."""
        done = False
        while not done:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            finally:
                if self._out.pending:
                    socket.sendall(self._out.read())
            if not done:
                self._put(socket.recv(CHUNK))

    def encrypt(self, data: bytes) -> bytes:
        """What goes over the wire for `data`."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        return self._out.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """What came over the wire, and whether that was the end. Raises ssl.SSLError."""
        self._put(data)
        parts: list[bytes] = []
        try:
            while part := self._tls.read(CHUNK):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return b"".join(parts), True

    def _put(self, data: bytes) -> None:
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()


def stamp(ancillary: list[tuple[int, int, bytes]], now: float, sent: float) -> float | None:
    """The kernel's receive time on CLOCK_MONOTONIC; None where there is none, or one that cannot be: before the request
    or in the future. That is what a clock that was set looks like."""
    if not ancillary:
        return None
    try:
        # No other control message was asked for.
        seconds, nanoseconds = timespec(ancillary[0][2])
    except struct.error:
        return None
    arrived: float = seconds + nanoseconds * 1e-9 + (OFFSET.value if now <= OFFSET.until else OFFSET.now(now))
    if sent <= arrived <= now:
        return arrived
    return now if now < arrived <= now + AHEAD_S else None


def connect(address: tuple[str, int] | str, timeout_s: float) -> Any:
    """A connected gevent socket. `address` is (host, port) or the path of a Unix socket. Raises WireError."""
    try:
        if isinstance(address, str):
            made = gevent.socket.socket(s.AF_UNIX, s.SOCK_STREAM)
            made.settimeout(timeout_s)
            try:
                made.connect(address)
            except OSError:
                made.close()
                raise
        else:
            made = gevent.socket.create_connection(address, timeout_s)
            made.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, 1)
    except (s.gaierror, UnicodeError) as error:
        raise WireError("NameNotFound", f"{address[0]}: {error}") from error
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
    if isinstance(error, ssl.SSLError):
        name = next(name for kind, name in NAMES if isinstance(error, kind))
        return WireError(name, f"{error} {when}")
    if error.errno in TOO_MANY_FILES:
        return WireError("TooManyOpenFiles", f"{when}: this generator is at its own open-file limit (ulimit -n)")
    if error.errno == NO_ADDRESS:
        return WireError("NoLocalPort", f"{when}: this host has no local port left, or no address of that kind")
    name = next((name for kind, name in NAMES if isinstance(error, kind)), type(error).__name__)
    return WireError(name, f"{error} {when}")
