"""Where a redirect leads, and what it may not take along."""

from __future__ import annotations

import pytest

from loadlab.clock import SYSTEM
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import Serve, header, ok

pytestmark = pytest.mark.real


def moved(to: str, *headers: bytes, status: bytes = b"302 Found") -> bytes:
    return ok(b"", f"Location: {to}".encode(), *headers, status=status)


@pytest.mark.parametrize("status", [b"301 Moved Permanently", b"303 See Other"])
@pytest.mark.parametrize("to", ["/next", "next", "{url}/next", "//127.0.0.1:{port}/next"])
def test_a_post_is_asked_for_again_as_a_get(serve: Serve, status: bytes, to: str) -> None:
    rig = serve()
    rig.server.steps = (moved(to.format(url=rig.server.url, port=rig.server.port), status=status), ok(b"there"))
    answer = rig.client.post("/first", data={"a": "1"})
    assert (answer.text, answer.url) == ("there", f"{rig.server.url}/next")
    assert rig.server.requests[1].startswith(b"GET /next HTTP/1.1\r\n")
    assert header(rig.server.requests[1], "content-length") is None
    assert rig.server.connections == 1 and rig.law and not rig.errors()


@pytest.mark.parametrize("to", ["http://[::1", "http://127.0.0.1:99999/x", "http://127.0.0.1:port/x"])
def test_an_address_that_is_none_is_a_failure_of_the_server(serve: Serve, to: str) -> None:
    rig = serve(moved(to))
    assert rig.client.get("/").status_code == 0
    assert rig.errors() == ["BadAddress"] and rig.law


def test_passwords_and_cookies_do_not_go_to_another_host(serve: Serve) -> None:
    other = serve(ok(b"", b"Set-Cookie: theirs=2"), ok())
    away = f"http://localhost:{other.server.port}/away"
    rig = serve(moved(away, b"Set-Cookie: ours=1"), moved(away), ok())
    client = WireClient(rig.server.url.replace("//", "//me:secret@"), Book(SYSTEM.monotonic()))
    for _ in range(3):
        assert client.get("/").ok
    client.close()
    assert [header(each, "authorization") for each in other.server.requests] == [None, None]
    assert [header(each, "cookie") for each in other.server.requests] == [None, "theirs=2"]
    assert [header(each, "cookie") for each in rig.server.requests] == [None, "ours=1", "ours=1"]
    assert None not in [header(each, "authorization") for each in rig.server.requests]
