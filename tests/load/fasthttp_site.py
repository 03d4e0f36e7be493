"""The site that Locust's own tests of FastHttpUser ask, in WSGI; for a process that gevent has patched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import gevent

FAST = "This is an ultra fast response"
UNSIZED = "This response does not have content-length in the header"
ALLOWED = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

Answer = tuple[str, dict[str, str], str]


class Asked:
    """One request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.body = environ["wsgi.input"].read().decode()
        self._query = parse_qs(environ["QUERY_STRING"])
        self._form = parse_qs(self.body)

    def query(self, name: str, default: str = "") -> str:
        return self._query.get(name, [default])[0]

    def form(self, name: str) -> str:
        return self._form.get(name, [""])[0]

    def header(self, name: str) -> str:
        return str(self.environ.get("HTTP_" + name.upper().replace("-", "_"), ""))


def method(asked: Asked) -> Answer:
    return "200 OK", {"Allow": ALLOWED}, "" if asked.method == "OPTIONS" else asked.method


def redirect(asked: Asked) -> Answer:
    gevent.sleep(float(asked.query("delay", "0")))
    return "302 Found", {"Location": asked.query("url", "/ultra_fast")}, ""


def header(asked: Asked) -> Answer:
    given = asked.header("X-Header-Test")
    return "200 OK", {"X-Header-Test": given}, given


def cookie(asked: Asked) -> Answer:
    found = dict(each.strip().split("=", 1) for each in asked.header("Cookie").split(";") if each)
    return "200 OK", {}, found.get(asked.query("name"), "")


def auth(asked: Asked) -> Answer:
    wanted = "Basic " + base64.b64encode(b"locust:menace").decode()
    return ("200 OK", {}, "Authorized") if asked.header("Authorization") == wanted else ("401 Unauthorized", {}, "No")


def slow(asked: Asked) -> Answer:
    gevent.sleep(float(asked.query("delay", "0")))
    return "200 OK", {}, "slow"


PAGES: dict[str, Callable[[Asked], Answer]] = {
    "/ultra_fast": lambda _: ("200 OK", {}, FAST),
    "/fail": lambda _: ("500 Internal Server Error", {}, "Internal server error"),
    "/status/204": lambda _: ("204 No Content", {}, ""),
    "/request_method": method,
    "/request_header_test": header,
    "/post": lambda asked: ("200 OK", {}, asked.form("arg")),
    "/put": lambda asked: ("200 OK", {}, asked.form("arg")),
    "/redirect": redirect,
    "/set_cookie": lambda asked: ("200 OK", {"Set-Cookie": f"{asked.query('name')}={asked.query('value')}"}, "set"),
    "/get_cookie": cookie,
    "/basic_auth": auth,
    "/rest": lambda asked: ("200 OK", {"Content-Type": "application/json"}, asked.body),
    "/slow": slow,
}
PIECES: dict[str, Callable[[], Iterable[bytes]]] = {}
"""Pages without a length, sent in chunks."""


def streamed() -> Iterable[bytes]:
    for number in range(30):
        yield b"line %d\n" % number
        gevent.sleep(0.01)


PIECES["/streaming/30"] = streamed
PIECES["/no_content_length"] = lambda: iter([UNSIZED[:20].encode(), UNSIZED[20:].encode()])


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    asked = Asked(environ)
    if path in PIECES:
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return PIECES[path]()
    page = PAGES.get(path)
    status, headers, text = page(asked) if page else ("404 Not Found", {}, json.dumps({"no": path}))
    headers = {"Content-Type": "text/html; charset=utf-8"} | headers
    body = b"" if asked.method == "HEAD" or status.startswith("204") else text.encode()
    if not status.startswith("204"):
        headers["Content-Length"] = str(len(text.encode()))
    start_response(status, list(headers.items()))
    return [body]
