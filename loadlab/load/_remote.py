"""Generators on other hosts, from the master's side: who may join, by which clock they speak, and when they are gone.

A worker connects; both say which loadlab they are; the worker's clock is read eight times, and the reading that came
back soonest is right to half its way (Cristian 1989). Then it gets the same configuration a child process gets, with
t0 on its own clock, and speaks in the same frames. A locustfile is not sent: both must have the same one, told by its
digest.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from loadlab import __version__
from loadlab.clock import Clock
from loadlab.errors import LoadError
from loadlab.load import Listener
from loadlab.load._config import LoadConfig, part, told
from loadlab.load._talk import Talk
from loadlab.load.fleet import Fleet

PORT = 5557
"""Locust's own port for workers."""
READINGS = 8
LONGEST_LINE = 1 << 20
JOIN_WITHIN_S = 120.0
"""For all of them: somebody has to start them, or a cluster has to."""
ANSWERS_WITHIN_S = 10.0
"""For one line of the conversation at the start; importing a locustfile comes after it."""
SILENT_S = 4.0
"""A worker speaks once a second. After three seconds without a word its load is not to be counted on."""
STOP_S = 5.0


class RefusedError(Exception):
    """This one cannot join; says why."""


class Link:
    """Lines over a connection, before the frames begin. Raises OSError, ValueError for what is no line of ours."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.file = connection.makefile("rb")

    def say(self, **words: Any) -> None:
        """One line."""
        self.socket.sendall(json.dumps(words).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """One line. Raises OSError where the other end is gone."""
        line = self.file.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise OSError("the connection was closed")
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("not a line of loadlab's")
        return found

    def close(self) -> None:
        """Also wakes whoever reads."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self.file.close()
        self.socket.close()


class RemoteGenerator(Talk):
    """A generator on another host."""

    def __init__(self, link: Link, name: str, listener: Listener, clock: Clock) -> None:
        super().__init__(name, listener, clock)
        self._link = link
        self._closed = False
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether its connection is there."""
        return not self._closed

    @property
    def _silent_s(self) -> float:
        return SILENT_S

    def _write(self, line: bytes) -> None:
        self._link.socket.sendall(line)

    def _take(self, count: int) -> bytes:
        try:
            return self._link.file.read(count) or b""
        except (OSError, ValueError):
            return b""

    def _gone(self) -> None:
        self._closed = True

    def _end(self) -> None:
        self._reader.join(STOP_S)
        self._closed = True
        self._link.close()
        self._reader.join(2.0)

    def _where_it_hangs(self) -> str:
        return f"{self.name} has said nothing for {SILENT_S:.0f} s: its host, the way there, or its users hang"

    def _obituary(self, how: str) -> str:
        return f"{self.name} {how}: its connection was closed; what it said last stands on its own terminal"


def crew(
    fleet: Fleet, config: LoadConfig, clock: Clock, t0: float, note: Callable[[str], None]
) -> list[RemoteGenerator]:
    """As many workers as config asks for, joined to the fleet. Raises LoadError."""
    count = config.workers
    links: list[tuple[Link, str]] = []
    try:
        with listening(config.bind) as server:
            at = "{}:{}".format(*server.getsockname()[:2])
            note(f"waiting at {at} for {count} {'worker' if count == 1 else 'workers'}: loadlab worker --master {at}")
            digest, until = digest_of(config.locustfile), clock.monotonic() + JOIN_WITHIN_S
            while len(links) < count:
                links.append(joined(server, digest, clock, until, note))
                note(f"{links[-1][1]} joined, {len(links)} of {count}")
        for index, (link, name) in enumerate(links):
            configured(link, name, told(part(config, index, count)), t0, clock)
    except BaseException:
        for link, _ in links:
            link.close()
        raise
    return [fleet.join(partial(_made, link, f"worker {name}", clock)) for link, name in links]


def _made(link: Link, name: str, clock: Clock, listener: Listener) -> RemoteGenerator:
    return RemoteGenerator(link, name, listener, clock)


@contextmanager
def listening(bind: str) -> Iterator[socket.socket]:
    """A socket for workers at "HOST:PORT" or "HOST". Raises LoadError where it cannot be had."""
    host, port = address(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, port), family=family)
    except OSError as error:
        raise LoadError(
            f"no worker can join at {host}:{port}: {error.strerror or error}; --bind HOST:PORT names another address"
        ) from error
    with server:
        yield server


def address(text: str) -> tuple[str, int]:
    """ "10.0.0.1:5557", "[::1]:5557", "host" -> host and port. Raises LoadError."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = text, str(PORT)
    if not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise LoadError(f"{text} is no address: HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def joined(
    server: socket.socket, digest: str | None, clock: Clock, until: float, note: Callable[[str], None]
) -> tuple[Link, str]:
    """The next worker that may join, and its name. Who may not is told why, and so is `note`. Raises LoadError where
    nobody comes before `until` (of the clock)."""
    while (left := until - clock.monotonic()) > 0:
        server.settimeout(left)
        try:
            connection, peer = server.accept()
        except TimeoutError:
            break
        link = Link(connection)
        connection.settimeout(ANSWERS_WITHIN_S)
        try:
            return link, _admitted(link, digest)
        except (OSError, ValueError, KeyError, TypeError, RefusedError) as error:
            with suppress(OSError):
                link.say(refused=str(error))
            link.close()
            note(f"{peer[0]} could not join as a worker: {error}")
    raise LoadError(
        "too few workers joined in time. On each host: loadlab worker --master ADDRESS, an address of this machine "
        "at which this run listens: --bind ADDRESS"
    )


def _admitted(link: Link, digest: str | None) -> str:
    hello = link.hear()
    if hello.get("loadlab") != __version__:
        raise RefusedError(f"it is loadlab {hello.get('loadlab')}, this is {__version__}: install the same on both")
    link.say(digest=digest)
    answer = link.hear()
    if "refused" in answer:
        raise RefusedError(str(answer["refused"])[:500])
    link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return str(hello["name"])[:80]


def configured(link: Link, name: str, config: dict[str, Any], t0: float, clock: Clock) -> None:
    """Tells one that has joined what it is to do, with t0 on its clock. Raises LoadError where it is gone."""
    try:
        link.say(config={**config, "t0": t0 + _offset(link, clock)})
        link.hear()
        link.socket.settimeout(None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"{name}, a worker, was lost before the load began: {error}") from error


def _offset(link: Link, clock: Clock) -> float:
    """How far its clock is ahead of this one, seconds."""
    readings = []
    for _ in range(READINGS):
        asked = clock.monotonic()
        link.say(clock=True)
        theirs = float(link.hear()["clock"])
        heard = clock.monotonic()
        readings.append((heard - asked, theirs - (asked + heard) / 2))
    return min(readings)[1]


def digest_of(path: str | None) -> str | None:
    """Of a locustfile, SHA-256. Raises LoadError where it cannot be read."""
    if path is None:
        return None
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
