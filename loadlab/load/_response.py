"""What a request gives back: an answer, or the failure it ended with; and the verdict a user may pass on it. Pure."""

from __future__ import annotations

import gzip
import json as jsonlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, ClassVar, Self

import brotli

from loadlab.load._answer import MOST_KEPT, WireError
from loadlab.load._request import Asked


class Headers(Mapping[str, str]):
    """Response headers, names in any case; of a repeated one the last. `raw` has all of them."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw
        self._found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Response:
    """An answer, or a failure with status_code 0 and `error`. Times are seconds of CLOCK_MONOTONIC: when it was meant
    to be asked and when it was, when the first and the last bytes were in the kernel and when those were read.
    connect_s: what connecting took, tls_s: of that the TLS handshake; 0 where the connection was there."""

    misuse: ClassVar[type[Exception]] = TypeError
    """What judging one that cannot be judged raises."""
    error: Exception | None = None
    judged: Exception | None = None
    """The exception its user failed it with."""
    context: Mapping[str, Any] | None = None
    sent = b""
    """The request's bytes, of the last one where it was redirected."""
    intended = started = first_byte = arrived = read_at = connect_s = tls_s = 0.0
    stamped = False
    name = request_type = ""

    def __init__(self, base: str, path: str, status: int, raw: list[tuple[bytes, bytes]], body: list[bytes]) -> None:
        self._base = base
        self._path = path
        self.status_code = status
        self._raw = raw
        self._body = body
        self.size = 0

    @property
    def url(self) -> str:
        """Where the answer came from, after redirects."""
        return self._path if "://" in self._path else self._base + self._path

    @property
    def request(self) -> Asked:
        """What was asked: its url, headers and body."""
        return Asked(self.url, self.sent)

    @cached_property
    def headers(self) -> Headers:
        """Parsed when first asked for."""
        return Headers(list(self._raw))

    @cached_property
    def content(self) -> bytes | None:
        """The body, decompressed (gzip, deflate, br); None where there was no answer. Raises WireError where it is not
        what its headers say, or where it was too large to keep."""
        if not self.status_code:
            return None
        if self.size > MOST_KEPT:
            raise WireError("BodyTooLarge", f"{self.size} bytes; the first {MOST_KEPT} at most are kept")
        encoding = self.headers.get("content-encoding", "identity").lower().strip()
        decompress = DECODERS.get(encoding)
        body = b"".join(self._body)
        if decompress is None or not body:
            return body
        try:
            return decompress(body)
        except (OSError, EOFError, zlib.error, brotli.error) as error:
            raise WireError("BadBody", f"{encoding}: {error}") from error

    @property
    def encoding(self) -> str:
        """Of the text: what its headers name, else UTF-8."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        return charset.split(";")[0].strip().strip('"') or "utf-8"

    @property
    def text(self) -> str | None:
        """The body as text; None where there was no answer."""
        content = self.content
        if content is None:
            return None
        try:
            return content.decode(self.encoding, "replace")
        except (LookupError, ValueError):
            # Not every codec that Python has is one of text, or takes "replace".
            return content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body parsed. Raises ValueError."""
        return jsonlib.loads(self.content or b"")

    @property
    def elapsed_s(self) -> float:
        """From the actual start to the arrival of the last byte."""
        return self.arrived - self.started

    @property
    def ok(self) -> bool:
        """An answer below 400."""
        return 0 < self.status_code < 400

    def raise_for_status(self) -> None:
        """Raises the failure, or WireError for 400 and above."""
        if self.error is not None:
            raise self.error
        if self.status_code >= 400:
            raise WireError(f"HTTP {self.status_code}", self.url)

    def success(self) -> None:
        """Only what `catch_response=True` gives can be judged. Raises `misuse`."""
        raise self.misuse("use self.client.get(..., catch_response=True) in a with statement to decide on success")

    def failure(self, error: object) -> None:
        """Only what `catch_response=True` gives can be judged. Raises `misuse`."""
        raise self.misuse(f"use self.client.get(..., catch_response=True) in a with statement to fail it for {error}")


class Judged:
    """What `catch_response=True` gives: a response whose success the user decides, in a with statement; what is decided
    is counted at its end, once. Without a with statement the client ends it before its next request: see `settle`.

    spared: exceptions that steer the user and are no failure; forgiven: those that are failures and end there.
    """

    spared: ClassVar[tuple[type[BaseException], ...]] = ()
    forgiven: ClassVar[tuple[type[BaseException], ...]] = (WireError,)

    def __init__(self, response: Response, finish: Callable[[Response, str], None]) -> None:
        self.__dict__["_response"] = response
        self.__dict__["_finish"] = finish
        self.__dict__["_verdict"] = None
        self.__dict__["entered"] = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._response, name, value)

    def success(self) -> None:
        """Count it as answered well, whatever its status."""
        self.__dict__["_verdict"] = ""

    def failure(self, error: object) -> None:
        """Count it as failed, for this reason."""
        self.__dict__["_verdict"] = str(error) or type(error).__name__
        self._response.judged = error if isinstance(error, Exception) else None

    def __enter__(self) -> Self:
        self.__dict__["entered"] = True
        return self

    def settle(self) -> None:
        """Counts it as what was decided, else as what it is by itself, unless a with statement does or did that."""
        if not self.entered:
            self.__dict__["entered"] = True
            self._count(self._verdict)

    def _count(self, verdict: str | None) -> None:
        self._finish(self._response, reason(self._response) if verdict is None else verdict)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        verdict: str | None = self._verdict
        if verdict is None and isinstance(value, Exception) and not isinstance(value, self.spared):
            verdict = value.name if isinstance(value, WireError) else f"{type(value).__name__}: {value}"
        self._count(verdict)
        return isinstance(value, self.forgiven)


def reason(response: Response) -> str:
    """Why a response counts as failed by itself; "" where it does not."""
    if response.error is not None:
        return response.error.name if isinstance(response.error, WireError) else str(response.error)
    return f"HTTP {response.status_code}" if response.status_code >= 400 else ""


def _inflate(body: bytes) -> bytes:
    """`deflate` is zlib's format by the standard, and the bare stream by some servers."""
    try:
        return zlib.decompress(body)
    except zlib.error:
        return zlib.decompress(body, -zlib.MAX_WBITS)


DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": _inflate,
    "br": lambda body: bytes(brotli.decompress(body)),
}
