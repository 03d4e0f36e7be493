"""Walkers, each on a line that brings some megabytes a second."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import gevent
from gevent import socket
from locust import User, constant, task

WINDOW = 65_536
"""Bytes that a small device takes in advance."""
PIECE = 262_144
PAUSE_S = 0.02


class Walker(User):
    """Looks at one sheet after the other."""

    wait_time = constant(0)  # type: ignore[no-untyped-call]

    @task
    def look(self) -> None:
        """The whole of a sheet, piece by piece."""
        wall, began = time.time(), time.monotonic()
        size, failed = 0, None
        try:
            size = self._read()
        except (OSError, ValueError) as error:
            failed = error
        self.environment.events.request.fire(
            request_type="GET",
            name="/map",
            response_time=1000 * (time.monotonic() - began),
            response_length=size,
            exception=failed,
            start_time=wall,
            context={},
        )

    def _read(self) -> int:
        """Bytes of the answer. Raises OSError, and ValueError for other than a whole 200."""
        where = urlsplit(self.host or "")
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            line.settimeout(60)
            line.connect((where.hostname, where.port))
            line.sendall(b"GET /map HTTP/1.1\r\nHost: maps\r\nConnection: close\r\n\r\n")
            head, left, size = b"", 1, 0
            while piece := self._piece(line):
                size += len(piece)
                head = head or piece
            left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if b" 200 " not in head[:20] or size < left:
                raise ValueError("not a whole sheet")
        return size

    def _piece(self, line: socket.socket) -> bytes:
        """As much as comes in one go, after which it takes a moment to draw."""
        parts, got = [], 0
        while got < PIECE and (part := line.recv(WINDOW)):
            parts.append(part)
            got += len(part)
        gevent.sleep(PAUSE_S)
        return b"".join(parts)
