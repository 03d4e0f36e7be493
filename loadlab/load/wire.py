"""The client that measures: FastHttpUser's API over connections that know when the kernel had the answer.

Each request has an intended start, an actual start, an arrival in the kernel and a time of reading. Latency is arrival
minus intended start; what lies between intended and actual start, and between arrival and reading, is the generator's
own doing and is recorded beside it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import gevent

from loadlab.clock import SYSTEM
from loadlab.load._alarm import alarm
from loadlab.load._answer import WireError
from loadlab.load._book import Ledger
from loadlab.load._connection import Connection
from loadlab.load._pool import Origin, Pool
from loadlab.load._request import basic, clean, payload, with_params
from loadlab.load._response import Judged, Response, reason
from loadlab.load._session import HTTP, Hands, Session
from loadlab.load._websocket import Line

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent again when a kept connection turns out to have been closed by the server in the meantime."""
MOST_CACHED = 64
"""Request texts that a user keeps ready; of a thousand users that is 20 MB at most."""
RETRY_S = (0.05, 1.0)
"""A user whose connection fails pauses, twice as long each time: one that is refused would else ask 20,000 times a
second, which no user does and which takes the core that the others need."""
SAFE = "%/:=&?~#+!$,;'@()*[]|"
"""What may stand in the target of a request as it is; all else is percent-encoded, line ends among it."""

Fire = Callable[[Response, str], None]


class WireClient:
    """One user's client: connections, cookies, default headers.

    `late_s` is how much later than meant the next request is asked for, by the generator's own fault: `pause` sets it,
    and the scheduler of the open model. headers and cookies may be changed at any time.
    """

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
        connect_s: float = 60.0,
        max_redirects: int = 30,
    ) -> None:
        parts = urlsplit(base_url)
        netloc = parts.netloc.rpartition("@")[2]
        self.base_url = f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
        self.late_s = 0.0
        self.headers: dict[str, str] = {"Accept-Encoding": "gzip, deflate, br", "User-Agent": "loadlab"}
        if parts.username is not None:
            self.headers |= basic((unquote(parts.username), unquote(parts.password or "")))
        self.cookies: dict[str, str] = {}
        self.timeout_s = timeout_s
        self.keep_alive = keep_alive
        self.max_redirects = max_redirects
        self.request_name: str | None = None
        self._origin = (parts.scheme, netloc)
        self._host = parts.hostname
        self._elsewhere: dict[str | None, dict[str, str]] = {}
        self._prefix = parts.path.rstrip("/")
        self._ledger = ledger
        self._fire = fire
        self._pool = Pool(ledger, tls, unix_socket, connect_s)
        self._ready: dict[tuple[str, str, str | None], tuple[bytes, str]] = {}
        self._ready_for: dict[str, str] = {}
        self._rested = False
        self._unjudged: Judged | None = None

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

    def iter_lines(self, path: str, method: str = "GET", **options: Any) -> Iterator[str]:
        """The lines of an answer, once all of it is there. Raises what the request failed with."""
        response = self.request(method, path, **options)
        response.raise_for_status()
        yield from response.text.splitlines()

    def ws(self, path: str, name: str | None = None, *, timeout: float | None = None) -> Session:
        """A WebSocket, for a with statement. timeout: seconds for the handshake and for each message."""
        hands = Hands(self.base_url, self._ledger, self._intended, lambda end: self._dial(path, end), self._finish)
        return Session(hands, path, name or self.request_name, timeout or self.timeout_s)

    @contextmanager
    def rename_request(self, name: str) -> Iterator[None]:
        """Requests in the body are counted under `name`, but for those that have one of their own."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def request(
        self,
        method: str,
        path: str,
        name: str | None = None,
        data: Any = None,
        *,
        json: Any = None,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        catch_response: bool = False,
        allow_redirects: bool = True,
        timeout: float | None = None,
        context: Mapping[str, Any] | None = None,
        stream: bool = False,  # noqa: ARG002 - the body is always read, as its last byte is what is measured
    ) -> Any:
        """One request, redirects followed. Never raises for what the network or the server does: see Response.error.

        data: text, bytes, or fields of a form; json: anything, where there is no data; params: added to the path;
        timeout: seconds for the whole answer; context: for listeners of Locust's `request` event.
        """
        if not method.isupper():
            method = method.upper()
        if self._unjudged is not None:
            self._settle()
        name = name or self.request_name
        extra: dict[str, str] = {}
        body, target = b"", path
        if data is None and json is None and headers is None and auth is None and not params:
            text, label = self._kept(method, path, name)
            started = asked = SYSTEM.monotonic()
        else:
            asked = SYSTEM.monotonic()
            body, extra = payload(data, json, headers, auth)
            target, label = with_params(path, params), f"{method} {name or path}"
            text = self._text(method, target, extra, body)
            started = SYSTEM.monotonic()
        intended, self.late_s = asked - self.late_s, 0.0
        ledger = self._ledger
        ledger.sent()
        deadline = started + (self.timeout_s if timeout is None else timeout)
        try:
            response = self._send(method, target, text, started, deadline)
            if allow_redirects and response.status_code in REDIRECTS:
                response = self._follow(method, response, extra, body, deadline)
        except WireError as error:
            response = self._failed(path, text, error)
        except BaseException:
            # The user was stopped in the middle: the request ends here and now.
            ledger.abandoned(label, intended, started, SYSTEM.monotonic())
            raise
        response.intended, response.started, response.name, response.request_type = intended, started, label, method
        if context is not None:
            response.context = context
        if catch_response:
            self._unjudged = Judged(response, self._finish)
            return self._unjudged
        self._finish(response, "" if 0 < response.status_code < 400 else reason(response))
        return response

    def pause(self, seconds: float) -> None:
        """What a user does between tasks. Its end is when the next request is meant to leave: what passes after that is
        the generator's lateness."""
        rested, self._rested = self._rested, False
        if rested and seconds <= 0:
            return
        due = SYSTEM.monotonic() + seconds
        if seconds > 0:
            alarm().sleep_until(due)
        else:
            # Nobody else had a turn since the last pause.
            gevent.sleep(0)
        self.late_s = max(0.0, SYSTEM.monotonic() - due)

    def _intended(self) -> float:
        self._settle()
        late_s, self.late_s = self.late_s, 0.0
        return SYSTEM.monotonic() - late_s

    def _dial(self, path: str, deadline: float) -> Line:
        scheme, netloc, target = self._where(path)
        left = {"accept-encoding"} if netloc == self._origin[1] else {"accept-encoding", "authorization"}
        lines = {key: value for key, value in self.headers.items() if key.lower() not in left}
        if cookies := self._jar(netloc):
            lines["Cookie"] = "; ".join(f"{key}={value}" for key, value in cookies.items())
        return self._pool.dial((HTTP.get(scheme, scheme), netloc), deadline, Line).open(netloc, target, lines, deadline)

    def _settle(self) -> None:
        """What was to be judged in a with statement, and never was, is in flight no longer."""
        unjudged, self._unjudged = self._unjudged, None
        if unjudged is not None:
            unjudged.settle()

    def _rest(self) -> None:
        least, most = RETRY_S
        gevent.sleep(min(most, least * 2 ** min(self._pool.refused - 1, 10)))
        self._rested = True

    def _finish(self, response: Response, failed: str) -> None:
        ledger = self._ledger
        if failed:
            ledger.failure(response.name, failed, response.read_at, str(response.error or ""))
        ledger.counts.kernel_stamped += response.stamped
        ledger.done(
            response.name, response.intended, response.started, response.arrived, response.read_at, ok=not failed
        )
        if self._fire is not None:
            self._fire(response, failed)
        if self._pool.refused:
            self._rest()

    def _failed(self, path: str, text: bytes, error: WireError) -> Response:
        response = Response(self.base_url, path, 0, [], [])
        response.sent = text
        response.error = error
        response.arrived = response.read_at = SYSTEM.monotonic()
        return response

    def _kept(self, method: str, path: str, name: str | None) -> tuple[bytes, str]:
        """The text and the label of a request without anything of its own: ready from the last time."""
        if self._ready_for != self.headers:
            self._ready.clear()
            self._ready_for = dict(self.headers)
        known = None if self.cookies or self._elsewhere else self._ready.get((method, path, name))
        if known is None:
            known = self._text(method, path, {}, b""), f"{method} {name or path}"
            if not self.cookies and not self._elsewhere and len(self._ready) < MOST_CACHED:
                self._ready[(method, path, name)] = known
        return known

    def _text(self, method: str, path: str, extra: Mapping[str, str], body: bytes, *, away: bool = False) -> bytes:
        """away: another server sent us there, and this one's password is not for it."""
        _, netloc, target = self._where(path)
        lines = {"host": ("Host", netloc)}
        lines |= {key.lower(): (key, value) for key, value in (*self.headers.items(), *extra.items())}
        if away:
            lines.pop("authorization", None)
        if cookies := self._jar(netloc):
            lines.setdefault("cookie", ("Cookie", "; ".join(f"{key}={value}" for key, value in cookies.items())))
        if body or method in ("POST", "PUT", "PATCH"):
            lines["content-length"] = ("Content-Length", str(len(body)))
        if not self.keep_alive:
            lines["connection"] = ("Connection", "close")
        head = "".join(f"{clean(key)}: {clean(value)}\r\n" for key, value in lines.values() if value is not None)
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body

    def _jar(self, netloc: str) -> dict[str, str]:
        """Cookies go back to the host that set them, whatever its port; `cookies` are those of `base_url`."""
        if netloc == self._origin[1]:
            return self.cookies
        host = urlsplit(f"//{netloc}").hostname
        return self.cookies if host == self._host else self._elsewhere.setdefault(host, {})

    def _where(self, path: str) -> tuple[str, str, str]:
        """Scheme, host and port, and the target of the request line."""
        if path.startswith("/") or "://" not in path.partition("?")[0]:
            scheme, netloc = self._origin
            target = self._prefix + (path if path.startswith("/") else "/" + path)
        else:
            parts = urlsplit(path)
            scheme, netloc = parts.scheme, parts.netloc.rpartition("@")[2]
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return scheme, netloc, quote(target.partition("#")[0], safe=SAFE)

    def _send(self, method: str, path: str, text: bytes, now: float, deadline: float) -> Response:
        origin = self._where(path)[:2] if "://" in path else self._origin
        pool = self._pool
        connection, fresh = pool.take(origin), False
        if connection is None:
            connection, fresh = pool.dial(origin, deadline, Connection), True
            now = SYSTEM.monotonic()
        self._rested = True
        try:
            connection.exchange(text, now, deadline, head=method == "HEAD")
        except WireError as error:
            if fresh or not stale(connection, error) or method not in REPEATABLE:
                raise
            connection, fresh = pool.dial(origin, deadline, Connection), True
            connection.exchange(text, SYSTEM.monotonic(), deadline, head=method == "HEAD")
        return self._taken(origin, path, text, connection, fresh=fresh)

    def _taken(self, origin: Origin, path: str, text: bytes, connection: Connection, *, fresh: bool) -> Response:
        """The answer that a connection has, which is free then. fresh: it was made for this request."""
        answer = connection.answer
        response = Response(self.base_url, path, answer.status, answer.headers, answer.body)
        response.sent = text
        response.size = answer.size
        response.first_byte, response.arrived = connection.first, connection.arrived
        response.read_at = connection.read_at
        response.stamped = connection.stamped
        if fresh:
            response.connect_s, response.tls_s = connection.connect_s, connection.tls_s
        self._ledger.counts.bytes_received += connection.received
        if answer.cookies:
            self._take_cookies(answer.headers, self._jar(self._where(path)[1]))
        if self.keep_alive:
            self._pool.put(origin, connection)
        else:
            connection.close()
        return response

    @staticmethod
    def _take_cookies(headers: list[tuple[bytes, bytes]], jar: dict[str, str]) -> None:
        for name, value in headers:
            if name.lower() == b"set-cookie":
                pair, _, attributes = value.decode("latin-1").partition(";")
                key, _, content = pair.partition("=")
                if "max-age=0" in attributes.lower().replace(" ", "") or "1970 " in attributes:
                    jar.pop(key.strip(), None)
                else:
                    jar[key.strip()] = content.strip()

    def _follow(
        self, method: str, response: Response, extra: Mapping[str, str], body: bytes, deadline: float
    ) -> Response:
        away = False
        for _ in range(self.max_redirects):
            location = response.headers.get("location")
            if response.status_code not in REDIRECTS or location is None:
                return response
            if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
                method, body = "GET" if method != "HEAD" else method, b""
                extra = {key: value for key, value in extra.items() if not key.lower().startswith("content-")}
            try:
                target = urljoin(response.url, location)
                away = away or self._where(target)[:2] != self._where(response.url)[:2]
            except ValueError as error:
                raise WireError("BadAddress", f"redirected to {location}: {error}") from error
            text = self._text(method, target, extra, body, away=away)
            response = self._send(method, target, text, SYSTEM.monotonic(), deadline)
        if response.status_code in REDIRECTS and "location" in response.headers:
            raise WireError("TooManyRedirects", response.url)
        return response

    def close(self, *, for_good: bool = False) -> None:
        """Close every connection; the next request makes a new one, and keeps it unless this was for good. May run in
        gevent's hub, where nothing can rest."""
        self._pool.refused = 0
        self._settle()
        self._pool.close(for_good=for_good)


def stale(connection: Connection, error: WireError) -> bool:
    """Whether a kept connection had been closed by the server meanwhile."""
    return connection.received == 0 and error.name in ("ConnectionClosed", "ConnectionReset")
