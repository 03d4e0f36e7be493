"""How exchanges begin and end: cut anywhere, announced first, kept or not; and what follows a failure."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from loadlab.clock import SYSTEM
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import Act, Serve, close, ok

pytestmark = pytest.mark.real

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


def cut_at(data: bytes, at: int) -> Act:
    """Two segments; TCP_NODELAY and a pause keep them apart."""

    def act(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(data[:at])
        SYSTEM.sleep(0.002)
        connection.sendall(data[at:])

    return act


@pytest.mark.parametrize("data", [ok(b"abcde"), CHUNKED, b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(b"abcde")])
def test_an_answer_cut_at_each_byte(serve: Serve, data: bytes) -> None:
    rig = serve(*(cut_at(data, at) for at in range(1, len(data))))
    for _ in range(1, len(data)):
        answer = rig.client.get("/")
        assert (answer.status_code, answer.content, answer.stamped) == (200, b"abcde", True)
    assert rig.server.connections == 1 and rig.law and not rig.errors()


@pytest.mark.parametrize(
    ("method", "errors"), [("GET", []), ("HEAD", []), ("POST", ["ConnectionClosed"]), ("PATCH", ["ConnectionClosed"])]
)
def test_what_may_be_asked_twice_after_a_kept_connection_closed(serve: Serve, method: str, errors: list[str]) -> None:
    """The server closes when the second request is there: whether it took effect nobody knows."""
    rig = serve(ok(b""), close, ok(b""))
    rig.client.get("/")
    assert rig.client.request(method, "/").ok is not bool(errors)
    assert rig.errors() == errors
    assert rig.server.connections == (1 if errors else 2)
    assert len(rig.server.requests) == (2 if errors else 3)
    assert rig.law


def test_a_new_connection_that_closes_is_not_tried_again(serve: Serve) -> None:
    rig = serve(close)
    rig.client.get("/")
    assert rig.errors() == ["ConnectionClosed"] and len(rig.server.requests) == 1


@pytest.mark.parametrize("port", ["refused", "99999"])
def test_users_that_judge_do_not_hammer_either(port: str) -> None:
    if port == "refused":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
    book = Book(SYSTEM.monotonic())
    client = WireClient(f"http://127.0.0.1:{port}", book)
    began = SYSTEM.monotonic()
    for _ in range(3):
        with client.get("/", catch_response=True) as answer:
            assert answer.status_code == 0
    assert SYSTEM.monotonic() - began > 0.3
    assert (book.counts.failed, book.in_flight) == (3, 0)


@pytest.fixture
def unread() -> Iterator[str]:
    """A server that answers after a kilobyte, and never reads the rest."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(ok(b"no", status=b"413 Payload Too Large"))
                done.wait(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    done.set()
    thread.join(5)
    listener.close()


def test_after_half_a_body_the_connection_is_not_kept(unread: str) -> None:
    client = WireClient(unread, Book(SYSTEM.monotonic()), timeout_s=0.3)
    answer = client.post("/", data=b"x" * 20_000_000)
    assert (answer.status_code, answer.content) == (413, b"no")
    assert answer.elapsed_s < 0.2
    assert client._pool.take(client._origin) is None


@pytest.mark.parametrize("charset", [b"idna", b"no-such", b"rot13"])
def test_a_charset_that_is_none_for_text(serve: Serve, charset: bytes) -> None:
    rig = serve(ok("käse".encode(), b"Content-Type: text/plain; charset=" + charset))
    assert rig.client.get("/").text == "käse"
