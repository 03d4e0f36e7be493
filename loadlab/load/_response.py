"""What came back: an answer, or a failure, and who decides which it was."""

from __future__ import annotations

import gzip
import json as jsonlib
import zlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import brotli

from loadlab.load._connection import WireError


class Headers(Mapping[str, str]):
    """Response headers, names in any case; of a repeated one the last."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw
        self._found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Response:
    """An answer, or a failure with status_code 0 and `error`. Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, url: str, status: int, raw: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.url = url
        self.status_code = status
        self._raw = raw
        self._body = body
        self._headers: Headers | None = None
        self.error: Exception | None = None
        self.intended = self.started = self.arrived = self.read_at = 0.0
        self.name = ""
        self.request_type = ""

    @property
    def headers(self) -> Headers:
        """Parsed when first asked for."""
        if self._headers is None:
            self._headers = Headers(self._raw)
        return self._headers

    @property
    def content(self) -> bytes:
        """The body, decompressed (gzip, deflate, br)."""
        encoding = self.headers.get("content-encoding", "").lower()
        if encoding == "gzip":
            return gzip.decompress(self._body)
        if encoding == "deflate":
            return zlib.decompress(self._body)
        return bytes(brotli.decompress(self._body)) if encoding == "br" else self._body

    @property
    def text(self) -> str:
        """The body as text, in the encoding its headers name, else UTF-8."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        try:
            return self.content.decode(charset.split(";")[0].strip() or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body parsed. Raises ValueError."""
        return jsonlib.loads(self.content)

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


class Judged:
    """What `catch_response=True` gives: a response whose success the user decides. A context manager; what is
    decided is
    counted when it ends."""

    def __init__(self, response: Response, finish: Callable[[Response, str], None]) -> None:
        self._response = response
        self._finish = finish
        self._verdict: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def success(self) -> None:
        """Count it as answered well, whatever its status."""
        self._verdict = ""

    def failure(self, error: object) -> None:
        """Count it as failed, for this reason."""
        self._verdict = str(error) or "failure"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._verdict is None:
            raised = f"{type(value).__name__}: {value}" if isinstance(value, Exception) else ""
            self._verdict = raised or reason(self._response)
        self._finish(self._response, self._verdict)


def reason(response: Response) -> str:
    """Why a response counts as failed by itself; "" where it does not."""
    if response.error is not None:
        return response.error.name if isinstance(response.error, WireError) else str(response.error)
    return f"HTTP {response.status_code}" if response.status_code >= 400 else ""
