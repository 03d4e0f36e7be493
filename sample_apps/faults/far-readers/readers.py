"""Readers at the end of long thin lines: a small window, and a piece at a time."""

from __future__ import annotations

import os
import random
import socket
import time
from urllib.parse import urlsplit

import gevent
from locust import User, task

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PIECE = 32_768


class Reader(User):
    """Takes a catalogue at a few megabytes a second."""

    def on_start(self) -> None:
        """Each has a line of its own."""
        self.rate = draw.uniform(4e6, 8e6)

    @task
    def read(self) -> None:
        """One catalogue, to its end."""
        started, wall, size, problem = time.perf_counter(), time.time(), 0, None
        try:
            size = self._fetch()
        except (OSError, ValueError) as error:
            problem = error
        self.environment.events.request.fire(
            request_type="GET",
            name="/catalogue",
            response_time=1000 * (time.perf_counter() - started),
            response_length=size,
            exception=problem,
            context={},
            start_time=wall,
        )

    def _fetch(self) -> int:
        to = urlsplit(self.host)
        with socket.socket() as line:
            line.settimeout(30)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            line.connect((to.hostname, to.port))
            line.sendall(f"GET /catalogue HTTP/1.1\r\nHost: {to.netloc}\r\nConnection: close\r\n\r\n".encode())
            began, size, head = time.perf_counter(), 0, b""
            while piece := line.recv(PIECE):
                head = head or piece[:12]
                size += len(piece)
                gevent.sleep(max(0.0, began + size / self.rate - time.perf_counter()))
        if b" 200" not in head:
            raise ValueError(head.decode("latin-1") or "no answer")
        return size
