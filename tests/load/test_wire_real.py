"""The client against a server that does what servers do, well and badly, on real sockets."""

from __future__ import annotations

import gzip
import resource
import socket
import zlib
from pathlib import Path

import brotli
import gevent
import pytest

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import Serve, Step, close, header, never, ok, reset, slowly, then_close

pytestmark = pytest.mark.real


def test_an_answer_and_its_times(serve: Serve) -> None:
    rig = serve(ok(b'{"a": 1}', b"X-Thing: yes", b"Content-Type: application/json"))
    answer = rig.client.get("/thing")
    assert (answer.status_code, answer.ok, answer.json(), answer.headers["x-thing"]) == (200, True, {"a": 1}, "yes")
    assert answer.intended <= answer.started <= answer.first_byte <= answer.arrived <= answer.read_at
    assert answer.connect_s > 0 == answer.tls_s
    assert answer.url == f"{rig.server.url}/thing"
    interval = rig.book.cut(SYSTEM.monotonic())
    assert [(each.endpoint, each.result, len(each.latency_us)) for each in interval.endpoints] == [
        ("GET /thing", "ok", 1)
    ]
    assert rig.law and interval.connects == 1


def test_the_kernel_stamps_and_a_late_reader_changes_nothing(serve: Serve) -> None:
    rig = serve(ok())
    rig.client.get("/")

    def sleep_without_yielding() -> None:
        SYSTEM.sleep(0.05)

    # The answer arrives while this process is busy with something else.
    gevent.get_hub().loop.run_callback(sleep_without_yielding)
    answer = rig.client.get("/")
    assert answer.stamped
    assert answer.arrived - answer.started < 0.03
    assert answer.read_at - answer.arrived > 0.02


def test_bodies_of_all_kinds_over_one_connection(serve: Serve) -> None:
    text = b"hello " * 100
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    rig = serve(
        ok(gzip.compress(text), b"Content-Encoding: gzip"),
        ok(brotli.compress(text), b"Content-Encoding: br"),
        ok(zlib.compress(text), b"Content-Encoding: deflate"),
        ok(zlib.compress(text)[2:-4], b"Content-Encoding: deflate"),
        chunked,
        ok("käse".encode("latin-1"), b"Content-Type: text/plain; charset=latin-1"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 34\r\n\r\n",
        ok(b""),
    )
    found = [rig.client.get("/").content for _ in range(5)]
    assert found == [text, text, text, text, b"abcde"]
    assert rig.client.get("/").text == "käse"
    assert [rig.client.get("/").status_code for _ in range(3)] == [204, 304, 200]
    assert rig.server.connections == 1 and rig.law


def test_head_has_no_body_and_leaves_the_connection_whole(serve: Serve) -> None:
    rig = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", ok(b"next"))
    assert rig.client.head("/").content == b""
    assert rig.client.get("/").content == b"next"
    assert rig.server.connections == 1


def test_a_body_that_ends_with_the_connection(serve: Serve) -> None:
    rig = serve(then_close(b"HTTP/1.1 200 OK\r\n\r\nall of it"), ok(b"next"))
    assert rig.client.get("/").content == b"all of it"
    assert rig.client.get("/").content == b"next"
    assert rig.server.connections == 2 and rig.law and not rig.errors()


def test_a_body_that_is_not_what_it_says(serve: Serve) -> None:
    answer = serve(ok(b"not gzip", b"Content-Encoding: gzip")).client.get("/")
    with pytest.raises(WireError, match="BadBody: gzip"):
        answer.content  # noqa: B018 - the property is what is tried


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (close, "ConnectionClosed"),
        (reset, "ConnectionReset"),
        (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"), "ClosedEarly"),
        (then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"), "ClosedEarly"),
        (then_close(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "BadResponse"),
        (b"\x00\xff\xfe" * 50, "BadResponse"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "BadResponse"),
        (never, "Timeout"),
        (slowly(ok(b"x" * 500), 0.02), "Timeout"),
        (ok(status=b"503 Service Unavailable"), "HTTP 503"),
    ],
)
def test_each_failure_has_a_name_and_is_counted(serve: Serve, step: Step, name: str) -> None:
    rig = serve(step, timeout_s=0.3)
    answer = rig.client.post("/")
    assert not answer.ok
    assert rig.errors() == [name]
    assert (rig.book.counts.sent, rig.book.counts.failed) == (1, 1)
    assert rig.law


def test_a_deadline_that_passed_does_not_stop_the_next(serve: Serve) -> None:
    rig = serve(never, timeout_s=0.2)
    users = [gevent.spawn(WireClient(rig.server.url, rig.book, timeout_s=0.2).get, "/") for _ in range(5)]
    gevent.joinall(users, timeout=3.0, raise_error=True)
    assert all(each.ready() for each in users)
    rig.client.get("/")
    assert rig.book.counts.failed == 6 and rig.law


def test_a_refused_connection_is_counted_and_not_hammered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    book = Book(SYSTEM.monotonic())
    client = WireClient(f"http://127.0.0.1:{port}", book)
    began = SYSTEM.monotonic()
    for _ in range(3):
        assert client.get("/").status_code == 0
    assert SYSTEM.monotonic() - began > 0.3
    interval = book.cut(SYSTEM.monotonic())
    assert [(each.error, each.count) for each in interval.errors] == [("ConnectionRefused", 3)]
    assert max(interval.endpoints[0].latency_us) < 50_000


@pytest.mark.parametrize(
    ("url", "name"), [("http://no.such.host.invalid", "NameNotFound"), ("http://127.0.0.1:99999", "BadAddress")]
)
def test_an_address_that_is_none(url: str, name: str) -> None:
    book = Book(SYSTEM.monotonic())
    WireClient(url, book).get("/")
    assert [each.error for each in book.cut(SYSTEM.monotonic()).errors] == [name]


def test_a_name_server_that_is_silent_is_no_longer_than_the_timeout(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = serve(ok(), timeout_s=0.2)
    monkeypatch.setattr(gevent.socket, "create_connection", lambda *_: gevent.sleep(5))
    began = SYSTEM.monotonic()
    rig.client.get("/")
    assert SYSTEM.monotonic() - began < 1.0
    assert rig.errors() == ["Timeout"] and rig.law


def test_its_own_open_file_limit_is_named(serve: Serve) -> None:
    rig = serve(ok())
    rig.client.get("/")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = [WireClient(rig.server.url, rig.book) for _ in range(3)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        failed = [each.get("/").error for each in kept]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [error.name for error in failed if isinstance(error, WireError)] == ["TooManyOpenFiles"] * 3
    assert rig.law


def test_a_kept_connection_that_the_server_closed_is_no_failure(serve: Serve) -> None:
    rig = serve(then_close(ok()), then_close(ok()), ok())
    assert [rig.client.get("/").status_code for _ in range(3)] == [200, 200, 200]
    assert rig.server.connections == 3 and not rig.errors() and rig.law


def test_connections_are_made_anew_where_the_user_wants_that(serve: Serve) -> None:
    rig = serve(ok(), keep_alive=False)
    rig.client.get("/")
    rig.client.get("/")
    assert rig.server.connections == 2
    assert header(rig.server.requests[0], "connection") == "close"


def test_after_a_close_there_is_a_new_connection_that_is_kept_unless_it_was_for_good(serve: Serve) -> None:
    rig = serve(ok())
    for for_good, made in ((False, 2), (True, 4)):
        rig.client.get("/")
        rig.client.close(for_good=for_good)
        rig.client.get("/")
        rig.client.get("/")
        assert rig.server.connections == made
    assert rig.law
    assert not rig.client._pool.take(rig.client._origin)


def test_a_user_stopped_in_the_middle_is_not_lost_from_the_count(serve: Serve) -> None:
    rig = serve(never)
    user = gevent.spawn(rig.client.get, "/")
    gevent.sleep(0.1)
    assert rig.book.in_flight == 1
    user.kill()
    assert rig.errors() == ["Stopped"] and rig.law


def test_at_the_end_of_the_run_what_is_under_way_stays_in_flight(serve: Serve) -> None:
    rig = serve(never)
    user = gevent.spawn(rig.client.get, "/")
    gevent.sleep(0.1)
    rig.book.closing = True
    user.kill()
    assert (rig.book.counts.sent, rig.book.counts.failed, rig.book.in_flight) == (1, 0, 1)


def test_an_answer_before_the_body_was_taken(serve: Serve) -> None:
    """A server that refuses a large body need not read it."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(ok(status=b"413 Payload Too Large"))

    rig = serve(refuse)
    # The script reads only what the announced length says: none.
    answer = rig.client.post("/", data=b"x" * 20_000_000, headers={"Content-Length": "0", "Connection": "close"})
    assert answer.status_code == 413


def answered(listener: socket.socket, client: WireClient) -> bytes:
    """The request as it came in over `listener`, once it was answered."""
    asked = gevent.spawn(client.get, "/")
    gevent.sleep(0.05)
    connection, _ = listener.accept()
    with listener, connection:
        request = connection.recv(1000)
        connection.sendall(ok())
        assert asked.get(timeout=2).ok
    client.close()
    return request


def test_ipv6() -> None:
    book = Book(SYSTEM.monotonic())
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        # A machine without IPv6 says so.
        assert WireClient("http://[::1]:9", book).get("/").error.name in ("NoLocalPort", "OSError")
        return
    port = listener.getsockname()[1]
    assert header(answered(listener, WireClient(f"http://[::1]:{port}", book)), "host") == f"[::1]:{port}"


def test_a_unix_socket(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    client = WireClient("http://localhost", Book(SYSTEM.monotonic()), unix_socket=str(tmp_path / "s"))
    assert header(answered(listener, client), "host") == "localhost"
