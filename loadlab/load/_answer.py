"""Reads HTTP/1.1 answers off a stream of bytes, however they are cut into pieces. No sockets, no clock."""

from __future__ import annotations

import httptools

NO_BODY = frozenset({204, 304})
SWITCHING = 101
MOST_KEPT = 16 * 1024 * 1024
"""Bytes of a body that are kept for the user; the rest is read, counted and thrown away. A download of gigabytes must
not take the generator's memory, and assertions are made on pages, not on those."""


class WireError(Exception):
    """A request that failed; `name` is what is counted, the text says more."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        super().__init__(f"{name}: {text}" if text else name)


class Answer:
    """The answers of one connection, one after the other: `begin`, then `feed` until `complete`, or `end`.

    keep: the connection can be used again. cookies: a header sets some. size: bytes of the body, those not kept as
    well.
    """

    def __init__(self) -> None:
        self._whole = False
        self.begin(head=False)

    def begin(self, *, head: bool) -> None:
        """The next answer; `head`: it is to HEAD and ends with its headers, whatever length they announce."""
        if not self._whole:
            # A parser that still waits for something would take the next answer for it.
            self._parser = httptools.HttpResponseParser(self)
        self._whole = False
        self._head = head
        self.complete = False
        self.keep = True
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.cookies = False

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises WireError("BadResponse") for what is no HTTP."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.complete, self.keep = True, False
        except httptools.HttpParserError as error:
            self.keep = False
            if not self.complete:
                raise WireError("BadResponse", str(error)) from error

    def end(self) -> None:
        """The server closed. That ends an answer without a length; else raises WireError("ClosedEarly") or, where
        nothing of an answer was there, WireError("ConnectionClosed")."""
        self.keep = False
        if self.complete:
            return
        if not self.status:
            raise WireError("ConnectionClosed", "without an answer")
        if any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            raise WireError("ClosedEarly", f"after {self.size} bytes of the body")
        self.complete = True

    # What httptools calls.
    def on_message_begin(self) -> None:
        """A new answer; one that nobody asked for makes the connection useless."""
        if self.complete:
            raise WireError("BadResponse", "more than one answer")
        if self.status:
            self._clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one of the trailers of a chunked body."""
        self.headers.append((name, value))
        if len(name) == 10 and name.lower() == b"set-cookie":
            self.cookies = True

    def on_headers_complete(self) -> None:
        """Whether the connection stays is asked now: once the message is complete the parser has forgotten."""
        self.keep = self._parser.should_keep_alive()
        self.status = self._parser.get_status_code()
        if self._head or self.status in NO_BODY:
            self.complete = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body, chunks already taken apart."""
        if self.complete:
            raise WireError("BadResponse", "a body where there can be none")
        self.size += len(data)
        if self.size <= MOST_KEPT:
            self.body.append(data)

    def on_message_complete(self) -> None:
        """The whole answer is there; an interim one (1xx) only announces it."""
        if not 100 <= self.status < 200 or self.status == SWITCHING:
            self.complete = self._whole = True
