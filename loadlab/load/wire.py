"""The client that measures: FastHttpUser's API over connections that know when the kernel had the answer.

Each request has an intended start, an actual start, an arrival in the kernel and a time of reading. Latency is arrival
minus intended start; what lies between intended and actual start, and between arrival and reading, is the generator's
own doing and is recorded beside it.
"""

from __future__ import annotations

import base64
import json as jsonlib
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from loadlab.clock import SYSTEM
from loadlab.load._connection import Connection, WireError
from loadlab.load._response import Judged, Response, reason

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent again when a kept connection turns out to have been closed by the server in the meantime."""
MOST_CACHED = 512
"""Request texts kept ready."""

Fire = Callable[..., None]


class Ledger(Protocol):
    """Where requests are counted: load/_book.Book."""

    def sent(self) -> None:
        """A request leaves."""
        ...

    def done(self, name: str, intended: float, started: float, arrived: float, read: float, *, ok: bool) -> None:
        """It has ended."""
        ...

    def failure(self, name: str, error: str, now: float, sample: str = "") -> None:
        """Why it failed."""
        ...

    def abandoned(self, name: str, intended: float, started: float, now: float) -> None:
        """Its user was stopped before it ended."""
        ...

    @property
    def counts(self) -> Any:
        """Counters: connects, bytes_received, kernel_stamped."""
        ...


class WireClient:
    """One user's client: a connection, cookies, default headers. `due`: when the next request was meant to leave
    (set by
    the user's wait), else it is meant to leave when it is asked for."""

    def __init__(
        self,
        base_url: str,
        ledger: Ledger,
        *,
        fire: Fire | None = None,
        timeout_s: float = 60.0,
        tls: ssl.SSLContext | None = None,
        keep_alive: bool = True,
        unix_socket: str | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url
        self.due: float | None = None
        self.headers: dict[str, str] = {"Accept-Encoding": "gzip, deflate, br", "User-Agent": "loadlab"}
        self.cookies: dict[str, str] = {}
        self.timeout_s = timeout_s
        self.keep_alive = keep_alive
        self._prefix = parts.path.rstrip("/")
        self._origin = (parts.scheme, parts.netloc)
        self._ledger = ledger
        self._fire = fire
        self._tls = tls
        self._unix = unix_socket
        self._connections: dict[tuple[str, str], Connection] = {}
        self._ready: dict[tuple[str, str], bytes] = {}

    def get(self, path: str, **options: Any) -> Any:
        """GET."""
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> Any:
        """HEAD."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Any) -> Any:
        """OPTIONS."""
        return self.request("OPTIONS", path, **options)

    def post(self, path: str, data: Any = None, json: Any = None, **options: Any) -> Any:
        """POST."""
        return self.request("POST", path, data=data, json=json, **options)

    def put(self, path: str, data: Any = None, **options: Any) -> Any:
        """PUT."""
        return self.request("PUT", path, data=data, **options)

    def patch(self, path: str, data: Any = None, **options: Any) -> Any:
        """PATCH."""
        return self.request("PATCH", path, data=data, **options)

    def delete(self, path: str, **options: Any) -> Any:
        """DELETE."""
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        name: str | None = None,
        data: Any = None,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
        timeout: float | None = None,
        **_ignored: Any,
    ) -> Any:
        """One request, redirects followed. Never raises for what the network or the server does: see Response.error."""
        asked = SYSTEM.monotonic()
        intended, self.due = (asked if self.due is None else min(asked, self.due)), None
        label = f"{method} {name or path}"
        self._ledger.sent()
        plain = data is None and json is None and headers is None and auth is None and not params
        started = SYSTEM.monotonic()
        try:
            if plain:
                response = self._plain(method, path, timeout)
            else:
                text, extra = payload(data, json)
                target = with_params(path, params)
                response = self._once(method, target, {**extra, **(headers or {}), **basic(auth)}, text, timeout)
            if allow_redirects and response.status_code in REDIRECTS:
                response = self._follow(method, response, timeout)
        except WireError as error:
            response = Response(path, 0, [], b"")
            response.error = error
            response.arrived = response.read_at = SYSTEM.monotonic()
        except BaseException:
            # The user was stopped in the middle: the request ends here and now.
            self._ledger.abandoned(label, intended, started, SYSTEM.monotonic())
            raise
        response.intended, response.started, response.name, response.request_type = intended, started, label, method
        if catch_response:
            return Judged(response, self._finish)
        self._finish(response, reason(response))
        return response

    def _finish(self, response: Response, failed: str) -> None:
        ledger = self._ledger
        if failed:
            ledger.failure(response.name, failed, response.read_at, str(response.error or ""))
        ledger.done(
            response.name, response.intended, response.started, response.arrived, response.read_at, ok=not failed
        )
        if self._fire is not None:
            self._fire(response, failed)

    def _plain(self, method: str, path: str, timeout: float | None) -> Response:
        """No body, no extra headers: the request's bytes are ready from the last time."""
        key = (method, path)
        if self.cookies or key not in self._ready:
            text = self._text(method, path, {}, b"")
            if self.cookies or len(self._ready) >= MOST_CACHED:
                return self._send(method, path, text, timeout)
            self._ready[key] = text
        return self._send(method, path, self._ready[key], timeout)

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float | None) -> Response:
        return self._send(method, path, self._text(method, path, headers, body), timeout)

    def _text(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        _, netloc, target = self._where(path)
        lines = {"Host": netloc.rpartition("@")[2], **self.headers, **headers}
        if self.cookies:
            lines.setdefault("Cookie", "; ".join(f"{key}={value}" for key, value in self.cookies.items()))
        if body or method in ("POST", "PUT", "PATCH"):
            lines["Content-Length"] = str(len(body))
        if not self.keep_alive:
            lines["Connection"] = "close"
        head = "".join(f"{key}: {clean(value)}\r\n" for key, value in lines.items())
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body

    def _where(self, path: str) -> tuple[str, str, str]:
        """Scheme, host and port, and the target of the request line."""
        if "://" not in path:
            return (*self._origin, self._prefix + (path if path.startswith("/") else "/" + path))
        parts = urlsplit(path)
        return parts.scheme, parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _send(self, method: str, path: str, text: bytes, timeout: float | None) -> Response:
        origin = self._origin if "://" not in path else self._where(path)[:2]
        patience_s = self.timeout_s if timeout is None else timeout
        connection = self._connections.get(origin)
        fresh = connection is None or connection.dead
        if connection is None or fresh:
            connection = self._connect(origin, patience_s)
        try:
            connection.exchange(text, patience_s, head=method == "HEAD")
        except WireError as error:
            stale = not fresh and connection.received == 0 and error.name in ("ConnectionClosed", "ConnectionReset")
            if not stale or method not in REPEATABLE:
                raise
            connection = self._connect(origin, patience_s)
            connection.exchange(text, patience_s, head=method == "HEAD")
        if not self.keep_alive:
            connection.close()
        return self._answer(connection, path)

    def _answer(self, connection: Connection, path: str) -> Response:
        response = Response(path, connection.status, connection.headers, b"".join(connection.body))
        response.arrived, response.read_at = connection.arrived, connection.read_at
        counts = self._ledger.counts
        counts.bytes_received += connection.received
        counts.kernel_stamped += connection.stamped
        for name, value in connection.headers:
            if name.lower() == b"set-cookie":
                key, _, rest = value.decode("latin-1").partition("=")
                self.cookies[key.strip()] = rest.split(";")[0].strip()
        return response

    def _connect(self, origin: tuple[str, str], timeout_s: float) -> Connection:
        scheme, netloc = origin
        parts = urlsplit(f"//{netloc}")
        host = parts.hostname or "127.0.0.1"
        port = parts.port or (443 if scheme == "https" else 80)
        tls = (self._tls or ssl.create_default_context()) if scheme == "https" else None
        made = Connection(self._unix or (host, port), timeout_s, tls, host)
        self._connections[origin] = made
        self._ledger.counts.connects += 1
        return made

    def _follow(self, method: str, response: Response, timeout: float | None) -> Response:
        for _ in range(30):
            location = response.headers.get("location")
            if response.status_code not in REDIRECTS or location is None:
                return response
            if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
                method = "GET"
            scheme, netloc, target = self._where(response.url)
            response = self._once(method, urljoin(f"{scheme}://{netloc}{target}", location), {}, b"", timeout)
        raise WireError("TooManyRedirects", response.url)

    def close(self) -> None:
        """Close every connection."""
        for each in self._connections.values():
            each.close()
        self._connections.clear()


def payload(data: Any, json: Any) -> tuple[bytes, dict[str, str]]:
    """The body's bytes and the headers that say what they are."""
    if json is not None:
        return jsonlib.dumps(json).encode(), {"Content-Type": "application/json"}
    if isinstance(data, Mapping) or (isinstance(data, list | tuple) and data):
        return urlencode(data, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if isinstance(data, str):
        return data.encode(), {}
    return (bytes(data), {}) if data else (b"", {})


def with_params(path: str, params: Mapping[str, Any] | None) -> str:
    """The path with a query string added."""
    return path + ("&" if "?" in path else "?") + urlencode(params, doseq=True) if params else path


def basic(auth: tuple[str, str] | None) -> dict[str, str]:
    """The header of basic authentication."""
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}


def clean(value: object) -> str:
    """A header's value: line ends would let it write headers of its own."""
    return str(value).replace("\r", "").replace("\n", "")
