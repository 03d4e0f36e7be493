"""What the server gets to read: requests as FastHttpUser's users write them. And TLS."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.load._answer import WireError
from loadlab.load._book import Book
from loadlab.load.wire import WireClient
from tests.load.scripted import CERTIFICATE, Rig, Serve, header, ok, then_close

pytestmark = pytest.mark.real


def body(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def first_line(request: bytes) -> str:
    return request.partition(b"\r\n")[0].decode()


def moved(to: str, status: bytes = b"302 Found") -> bytes:
    return ok(b"", f"Location: {to}".encode(), status=status)


@pytest.mark.parametrize(
    ("asked", "line", "content_type", "sent"),
    [
        ({"params": {"a": [1, 2], "b": "x y"}}, "POST /p?a=1&a=2&b=x+y HTTP/1.1", None, b""),
        ({"params": "raw=1"}, "POST /p?raw=1 HTTP/1.1", None, b""),
        ({"json": {"a": [1]}}, "POST /p HTTP/1.1", "application/json", b'{"a": [1]}'),
        ({"json": 0}, "POST /p HTTP/1.1", "application/json", b"0"),
        ({"data": {"a": "1&2"}}, "POST /p HTTP/1.1", "application/x-www-form-urlencoded", b"a=1%262"),
        ({"data": "käse"}, "POST /p HTTP/1.1", None, "käse".encode()),
        ({"data": b"\x00\x01"}, "POST /p HTTP/1.1", None, b"\x00\x01"),
        ({"json": [], "headers": {"content-type": "application/x"}}, "POST /p HTTP/1.1", "application/x", b"[]"),
    ],
)
def test_what_is_sent(serve: Serve, asked: dict[str, Any], line: str, content_type: str | None, sent: bytes) -> None:
    rig = serve(ok())
    rig.client.post("/p", **asked)
    (request,) = rig.server.requests
    assert first_line(request) == line
    assert header(request, "content-type") == content_type
    assert header(request, "content-length") == str(len(sent))
    assert body(request) == sent


def test_data_that_cannot_be_sent_is_said(serve: Serve) -> None:
    rig = serve(ok())
    with pytest.raises(TypeError, match="data is int"):
        rig.client.post("/", data=5)
    with pytest.raises(TypeError, match="heders"):
        rig.client.get("/", heders={})
    assert rig.law and rig.book.counts.sent == 0


def test_headers_are_one_each_and_carry_no_others(serve: Serve) -> None:
    rig = serve(ok())
    rig.client.get("/", headers={"user-agent": "mine", "X-Evil": "a\r\nX-Injected: b"})
    (request,) = rig.server.requests
    assert header(request, "user-agent") == "mine"
    assert header(request, "x-injected") is None
    assert header(request, "host") == f"127.0.0.1:{rig.server.port}"


def test_a_path_is_quoted_where_it_has_to_be(serve: Serve) -> None:
    rig = serve(ok())
    rig.client.get("/a b/ü?q=%20&r=x\r\nEvil: 1#part")
    assert first_line(rig.server.requests[0]) == "GET /a%20b/%C3%BC?q=%20&r=x%0D%0AEvil:%201 HTTP/1.1"


def test_default_headers_may_change_at_any_time(serve: Serve) -> None:
    rig = serve(ok())
    rig.client.get("/")
    rig.client.headers["Authorization"] = "Bearer x"
    rig.client.get("/")
    assert [header(each, "authorization") for each in rig.server.requests] == [None, "Bearer x"]


def test_a_password_in_the_address_or_with_the_request(serve: Serve) -> None:
    rig = serve(ok())
    book = Book(SYSTEM.monotonic())
    client = WireClient(f"http://me:p%40ss@127.0.0.1:{rig.server.port}/api/", book)
    client.get("/x")
    client.get("/x", auth=("you", "too"))
    client.close()
    expected = ["Basic " + base64.b64encode(each).decode() for each in (b"me:p@ss", b"you:too")]
    assert [header(each, "authorization") for each in rig.server.requests] == expected
    assert first_line(rig.server.requests[0]) == "GET /api/x HTTP/1.1"


def test_cookies_are_kept_sent_and_dropped(serve: Serve) -> None:
    rig = serve(ok(b"", b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2"), ok(b"", b"Set-Cookie: a=; Max-Age=0"), ok())
    for _ in range(3):
        rig.client.get("/")
    assert [header(each, "cookie") for each in rig.server.requests] == [None, "a=1; b=2", "b=2"]


def test_redirects_are_one_request_with_the_time_of_all(serve: Serve) -> None:
    rig = serve(moved("/next?x=1"), ok(b"there"))
    answer = rig.client.get("/start", name="named")
    assert (answer.text, answer.url) == ("there", f"{rig.server.url}/next?x=1")
    interval = rig.book.cut(SYSTEM.monotonic())
    assert (interval.sent, interval.succeeded, interval.kernel_stamped) == (1, 1, 1)
    assert [each.endpoint for each in interval.endpoints] == ["GET named"]


@pytest.mark.parametrize(
    ("status", "line", "sent"),
    [
        (b"302 Found", "GET /next HTTP/1.1", b""),
        (b"303 See Other", "GET /next HTTP/1.1", b""),
        (b"307 Temporary Redirect", "POST /next HTTP/1.1", b'{"a": 1}'),
        (b"308 Permanent Redirect", "POST /next HTTP/1.1", b'{"a": 1}'),
    ],
)
def test_what_a_redirected_post_becomes(serve: Serve, status: bytes, line: str, sent: bytes) -> None:
    rig = serve(moved("/next", status), ok())
    rig.client.post("/", json={"a": 1}, headers={"X-Kept": "yes"})
    request = rig.server.requests[1]
    assert (first_line(request), body(request)) == (line, sent)
    assert header(request, "x-kept") == "yes"
    assert header(request, "content-type") == ("application/json" if sent else None)


def test_a_password_stays_with_its_host(serve: Serve) -> None:
    other = serve(ok())
    rig = serve(moved(f"http://127.0.0.1:{other.server.port}/away"))
    assert rig.client.get("/", auth=("me", "secret"), headers={"X-Kept": "yes"}).ok
    (request,) = other.server.requests
    assert header(request, "authorization") is None
    assert header(request, "x-kept") == "yes"


def test_redirects_end_somewhere(serve: Serve) -> None:
    rig = serve(moved("/again"))
    assert not rig.client.get("/").ok
    assert rig.errors() == ["TooManyRedirects"]
    assert rig.client.get("/", allow_redirects=False).status_code == 302


def test_redirected_to_what_is_no_http(serve: Serve) -> None:
    rig = serve(moved("ftp://127.0.0.1/x"))
    rig.client.get("/")
    assert rig.errors() == ["BadAddress"]


def judged(rig: Rig) -> tuple[int, int]:
    assert rig.law
    return rig.book.counts.succeeded, rig.book.counts.failed


def test_the_user_decides_what_counts(serve: Serve) -> None:
    rig = serve(ok(b"sorry"), ok(status=b"404 Not Found"), ok(b"no json"), ok(status=b"500 Oops"))
    with rig.client.get("/", catch_response=True) as answer:
        assert answer.text == "sorry"
        answer.failure("an excuse")
    with rig.client.get("/", catch_response=True) as answer:
        answer.success()
    with pytest.raises(ValueError, match="Expecting value"), rig.client.get("/", catch_response=True) as answer:
        answer.json()
    with rig.client.get("/", catch_response=True) as answer:
        answer.raise_for_status()
    assert judged(rig) == (1, 3)
    errors = [each.partition(":")[0] for each in rig.errors()]
    assert errors == ["an excuse", "JSONDecodeError", "HTTP 500"]


def test_what_is_never_judged_is_counted_before_the_next_request(serve: Serve) -> None:
    rig = serve(ok(), ok(status=b"500 Oops"), ok(), ok())
    rig.client.get("/a", catch_response=True)
    rig.client.get("/b", catch_response=True)
    rig.client.get("/c", catch_response=True).failure("wrong")
    assert (rig.book.counts.succeeded, rig.book.counts.failed, rig.book.in_flight) == (1, 1, 1)
    rig.client.close()
    assert (rig.book.counts.succeeded, rig.book.counts.failed, rig.book.in_flight) == (1, 2, 0)
    assert rig.errors() == ["HTTP 500", "wrong"]


def test_a_request_within_the_judging_of_another_leaves_it_alone(serve: Serve) -> None:
    rig = serve(ok())
    with rig.client.get("/outer", catch_response=True) as outer:
        rig.client.get("/inner")
        assert (rig.book.counts.sent, rig.book.counts.succeeded) == (2, 1)
        outer.failure("no")
    rig.client.get("/after")
    assert (rig.book.counts.succeeded, rig.book.counts.failed) == (2, 1) and rig.law


def test_only_what_was_caught_can_be_judged(serve: Serve) -> None:
    answer = serve(ok()).client.get("/")
    with pytest.raises(TypeError, match="catch_response=True"):
        answer.failure("x")


def test_requests_renamed_in_a_block(serve: Serve) -> None:
    rig = serve(ok())
    with rig.client.rename_request("all of them"):
        rig.client.get("/1")
        rig.client.get("/2", name="its own")
    rig.client.get("/1")
    names = [each.endpoint for each in rig.book.cut(SYSTEM.monotonic()).endpoints]
    assert names == ["GET all of them", "GET its own", "GET /1"]


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def test_tls_is_stamped_by_the_kernel_too(serve: Serve) -> None:
    rig = serve(ok(b"secret" * 20_000), then_close(ok(b"bye")), ok(b"again"), tls=trusting())
    answers = [rig.client.get("/") for _ in range(3)]
    assert [len(each.content) for each in answers] == [120_000, 3, 5]
    assert all(each.stamped for each in answers)
    assert 0 < answers[0].tls_s < answers[0].connect_s
    assert answers[0].started < answers[0].first_byte <= answers[0].arrived
    assert rig.server.connections == 2 and not rig.errors() and rig.law


def test_a_large_body_over_tls(serve: Serve) -> None:
    rig = serve(ok(), tls=trusting())
    assert rig.client.put("/", data=b"x" * 3_000_000).ok
    assert len(body(rig.server.requests[0])) == 3_000_000


def test_a_certificate_nobody_vouches_for(serve: Serve) -> None:
    rig = serve(ok(), tls=ssl.create_default_context())
    assert not rig.client.get("/").ok
    assert rig.errors() == ["CertificateInvalid"]
    assert rig.server.requests == []


def test_tls_with_a_server_that_speaks_none(serve: Serve) -> None:
    rig = serve(ok())
    client = WireClient(f"https://127.0.0.1:{rig.server.port}", rig.book, tls=trusting(), timeout_s=0.5)
    error = client.get("/").error
    assert isinstance(error, WireError)
    assert error.name in ("TLSError", "Timeout")
