"""A server and a client of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from loadlab.clock import SYSTEM
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import Rig, Scripted, Serve, Step


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(step, ...) starts a server with these steps, and gives a client of it."""
    made: list[Rig] = []

    def start(*steps: Step, tls: ssl.SSLContext | None = None, timeout_s: float = 5.0, keep_alive: bool = True) -> Rig:
        server = Scripted(steps, tls is not None)
        book = Book(SYSTEM.monotonic())
        client = WireClient(server.url, book, timeout_s=timeout_s, tls=tls, keep_alive=keep_alive)
        made.append(Rig(server, book, client))
        return made[-1]

    yield start
    for each in made:
        each.client.close()
        each.server.stop()
