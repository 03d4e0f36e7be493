"""WebSocket sessions with a server of the library `websockets`, which is not the one the client is made with."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import gevent
import pytest
from websockets.sync.server import Server, ServerConnection, serve

from loadlab.clock import SYSTEM
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import Serve, ok

pytestmark = pytest.mark.real

SLOW_S = 0.05


def answer(connection: ServerConnection) -> None:
    """Echoes; slowly, twice, not at all, or with a goodbye where it is asked to."""
    for message in connection:
        if message == "slow":
            SYSTEM.sleep(SLOW_S)
        if message == "bye":
            connection.close(1001, "going")
            return
        if message == "ping":
            assert connection.ping().wait(5)
        if message != "silence":
            connection.send(message)
        if message == "twice":
            connection.send("again")


@pytest.fixture
def server() -> Iterator[Server]:
    made = serve(answer, "127.0.0.1", 0)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(5)


@pytest.fixture
def book() -> Book:
    return Book(SYSTEM.monotonic())


@pytest.fixture
def client(server: Server, book: Book) -> WireClient:
    return WireClient(f"http://127.0.0.1:{server.socket.getsockname()[1]}", book, timeout_s=2.0)


def counted(book: Book) -> dict[str, list[int]]:
    return {each.endpoint: list(each.latency_us) for each in book.cut(SYSTEM.monotonic()).endpoints}


@pytest.mark.parametrize("message", ["", "käse", b"\x00\xff", "x" * 70_000, b"y" * 1_000_000])
def test_messages_of_all_sizes_come_back(client: WireClient, book: Book, message: str | bytes) -> None:
    with client.ws("/chat?room=1", name="chat") as chat:
        assert chat.ask(message) == message
        assert chat.ask(message, name="second") == message
    assert sorted(counted(book)) == ["WS chat", "WS second", "WSOPEN chat"]
    assert (book.counts.sent, book.counts.succeeded, book.in_flight, book.counts.connects) == (3, 3, 0, 1)
    assert book.counts.kernel_stamped == 3
    assert book.counts.bytes_received >= 2 * len(message)


def test_the_latency_is_the_servers_and_not_the_readers(client: WireClient, book: Book) -> None:
    with client.ws("/") as chat:
        chat.ask("warm")
        counted(book)
        asking = gevent.spawn(chat.ask, "slow")
        gevent.sleep(SLOW_S / 5)
        # The core is kept while the answer arrives: the kernel knows better than the reader.
        SYSTEM.sleep(SLOW_S * 4)
        assert asking.get() == "slow"
    (latency_us,) = counted(book)["WS /"]
    assert SLOW_S * 1e6 <= latency_us < SLOW_S * 3e6


def test_messages_that_nobody_asked_for_wait_to_be_received(client: WireClient, book: Book) -> None:
    with client.ws("/") as chat:
        assert chat.ask("twice") == "twice"
        gevent.sleep(SLOW_S)
        assert chat.ask("slow") == "slow"
        assert chat.receive() == "again"
        chat.send("one")
        chat.send("two")
        assert [chat.receive(), chat.receive()] == ["one", "two"]
    assert (book.counts.sent, book.in_flight) == (3, 0)


def test_a_ping_is_answered(client: WireClient) -> None:
    with client.ws("/") as chat:
        assert chat.ask("ping") == "ping"


@pytest.mark.parametrize(("message", "error"), [("bye", "ConnectionClosed"), ("silence", "Timeout")])
def test_a_failure_is_counted_once_and_ends_the_session(
    client: WireClient, book: Book, message: str, error: str
) -> None:
    after = []
    with client.ws("/", timeout=0.3) as chat:
        chat.ask("first")
        chat.ask(message)
        after.append("not reached")
    assert not after
    assert [each.error for each in book.cut(SYSTEM.monotonic()).errors] == [error]
    assert (book.counts.sent, book.counts.failed, book.in_flight) == (3, 1, 0)


def test_a_server_without_websockets_says_so_and_the_users_own_errors_stay(serve: Serve, client: WireClient) -> None:
    rig = serve(ok(status=b"403 Forbidden"))
    with rig.client.ws("/") as chat:
        chat.ask("x")
    assert rig.errors() == ["HTTP 403"] and rig.law
    with pytest.raises(ValueError, match="mine"), client.ws("/"):
        raise ValueError("mine")
