"""The connections of one client: those that are kept and free, by scheme and host, and new ones as they are needed."""

from __future__ import annotations

import ssl
from typing import TypeVar
from urllib.parse import urlsplit

import gevent

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._book import Ledger
from loadlab.load._connection import Connection

Origin = tuple[str, str]
"""Scheme, and host with its port."""
Kind = TypeVar("Kind", bound=Connection)


class Pool:
    """A user that asks for several things at a time, in greenlets of its own, has a connection for each: none is ever
    given to two.

    refused: how many connections in a row could not be made.
    """

    def __init__(self, ledger: Ledger, tls: ssl.SSLContext | None, unix_socket: str | None, connect_s: float) -> None:
        self.refused = 0
        self._ledger = ledger
        self._tls = tls
        self._unix = unix_socket
        self._connect_s = connect_s
        self._free: dict[Origin, list[Connection]] = {}
        self._closed = False

    def take(self, origin: Origin) -> Connection | None:
        """One that is free, the one used last; None where there is none. It is the caller's until `put`."""
        free = self._free.get(origin)
        while free:
            connection = free.pop()
            if not connection.dead:
                return connection
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """It is free; a dead one is forgotten."""
        if connection.dead:
            return
        if self._closed:
            connection.close()
        elif origin in self._free:
            self._free[origin].append(connection)
        else:
            self._free[origin] = [connection]

    def dial(self, origin: Origin, deadline: float, kind: type[Kind]) -> Kind:
        """A new one. Raises WireError."""
        scheme, netloc = origin
        self.refused += 1
        if scheme not in ("http", "https"):
            raise WireError("BadAddress", f"{scheme}://{netloc} is neither http nor https")
        try:
            parts = urlsplit(f"//{netloc}")
            host, port = parts.hostname or "127.0.0.1", parts.port or (443 if scheme == "https" else 80)
        except ValueError as error:
            raise WireError("BadAddress", f"{netloc}: {error}") from error
        tls = (self._tls or ssl.create_default_context()) if scheme == "https" else None
        within_s = max(0.001, min(self._connect_s, deadline - SYSTEM.monotonic()))
        try:
            # A name server that is silent, several addresses, a handshake byte by byte: together no longer than this.
            with gevent.Timeout(within_s) as limit:
                made = kind(self._unix or (host, port), within_s, tls, host)
        except gevent.Timeout as over:
            if over is not limit:
                raise
            raise WireError("Timeout", "while connecting") from over
        self.refused = 0
        self._ledger.counts.connects += 1
        return made

    def close(self, *, for_good: bool = False) -> None:
        """Close those that are free. for_good: those in use, too, as soon as they are put back."""
        self._closed = self._closed or for_good
        for free in self._free.values():
            for each in free:
                each.close()
        self._free.clear()
