"""Reads HTTP/1.1 answers off a stream of bytes, however they are cut into pieces. No sockets, no clock."""

from __future__ import annotations

from typing import NamedTuple

import httptools

NO_BODY = frozenset({204, 304})
SWITCHING = 101
MOST_KEPT = 16 * 1024 * 1024
"""Bytes of a body that are kept for the user; the rest is read, counted and thrown away. A download of gigabytes must
not take the generator's memory, and assertions are made on pages, not on those."""
MOST_KNOWN = 1024
"""Heads remembered in a process, 2 MB at most: then all are forgotten, as most have an old date in them."""
IN_VAIN, SELDOM = 4, 16
"""After so many unknown heads in a row on one connection only each 16th is remembered: a server that numbers its
answers never says the same head again, and remembering takes longer than parsing."""
HEAD_END = b"\r\n\r\n"


class WireError(Exception):
    """A request that failed; `name` is what is counted, the text says more."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        super().__init__(f"{name}: {text}" if text else name)


class Known(NamedTuple):
    """What the parser said of a head that announces a body of so many bytes."""

    status: int
    headers: list[tuple[bytes, bytes]]
    keep: bool
    cookies: bool
    size: int


KNOWN: dict[bytes, Known] = {}
"""By a head's bytes. Servers say the same head many times a second, and a parser says the same of the same bytes: an
answer that comes in one piece, under a head that was parsed before, is not parsed again."""


class Answer:
    """The answers of one connection, one after the other: `begin`, then `feed` until `complete`, or `end`.

    keep: the connection can be used again. cookies: a header sets some. size: bytes of the body, those not kept as
    well.
    """

    def __init__(self) -> None:
        self._whole = False
        self._unknown = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.begin(head=False)

    def begin(self, *, head: bool) -> None:
        """The next answer; `head`: it is to HEAD and ends with its headers, whatever length they announce."""
        if not self._whole:
            # A parser that still waits for something would take the next answer for it.
            self._parser = httptools.HttpResponseParser(self)
        self._whole = False
        self._head = head
        self._untouched = not head
        self.complete = False
        self.keep = True
        self.status = 0

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises WireError("BadResponse") for what is no HTTP."""
        if self._untouched:
            self._untouched = False
            end = data.find(HEAD_END) + 4
            known = KNOWN.get(data[:end])
            if known is not None and len(data) == end + known.size:
                self.status, self.headers, self.keep, self.cookies, self.size = known
                self.body = [data[end:]]
                self.complete = self._whole = True
                self._unknown = 0
            else:
                self._parse(data)
                self._unknown += 1
                if self._unknown <= IN_VAIN or not self._unknown % SELDOM:
                    self._remember(data, end)
        else:
            self._parse(data)

    def _remember(self, data: bytes, end: int) -> None:
        """The head of a whole answer that came in one piece. A length spelt in another way is parsed each time."""
        if not self._whole or end + self.size != len(data):
            return
        head = data[:end]
        lower = head.lower()
        if b"\r\ncontent-length: %d\r\n" % self.size in lower and b"\r\ntransfer-encoding" not in lower:
            if len(KNOWN) >= MOST_KNOWN:
                KNOWN.clear()
            KNOWN[head] = Known(self.status, self.headers, self.keep, self.cookies, self.size)

    def _parse(self, data: bytes) -> None:
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
        self.status = 0
        self.headers = []
        self.body = []
        self.size = 0
        self.cookies = False

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
