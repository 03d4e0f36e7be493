"""What a request is made of, as bytes and headers. Pure."""

from __future__ import annotations

import base64
import json as jsonlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
"""What a request with `json` has, as FastHttpUser's."""


class Asked:
    """A request as it went out."""

    def __init__(self, url: str, sent: bytes) -> None:
        self.url = url
        self._head, _, self._body = sent.partition(b"\r\n\r\n")

    @cached_property
    def method(self) -> str:
        """GET, POST, ..."""
        return self._head.partition(b" ")[0].decode("latin-1")

    @cached_property
    def headers(self) -> dict[str, str]:
        """As they were written."""
        lines = (line.partition(": ") for line in self._head.decode("latin-1").split("\r\n")[1:])
        return {name: value for name, _, value in lines}

    @cached_property
    def body(self) -> str | bytes | None:
        """Text where it is some; None where there was none."""
        try:
            return self._body.decode() or None
        except UnicodeDecodeError:
            return self._body


def payload(
    data: Any, json: Any, headers: Mapping[str, str] | None, auth: tuple[str, str] | None
) -> tuple[bytes, dict[str, str]]:
    """The body's bytes and the request's own headers: what they are, then the user's, which win. Raises TypeError."""
    if data is None or data in ("", b"", {}, []):
        body, kind = (b"", {}) if json is None else (jsonlib.dumps(json).encode(), dict(JSON))
    elif isinstance(data, str):
        body, kind = data.encode(), {}
    elif isinstance(data, bytes | bytearray | memoryview):
        body, kind = bytes(data), {}
    elif isinstance(data, Mapping | list | tuple):
        body, kind = urlencode(data, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    else:
        raise TypeError(f"data is {type(data).__name__}; send text, bytes, or the fields of a form")
    named = {key.lower() for key in headers or ()}
    own = {key: value for key, value in kind.items() if key.lower() not in named}
    return body, {**own, **basic(auth), **(headers or {})}


def with_params(path: str, params: Any) -> str:
    """The path with a query string added: text as it is, a mapping or pairs encoded."""
    if not params:
        return path
    query = params if isinstance(params, str) else urlencode(params, doseq=True)
    return path + ("&" if "?" in path else "?") + query


def basic(auth: tuple[str, str] | None) -> dict[str, str]:
    """The header of basic authentication."""
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}


def clean(value: object) -> str:
    """A header's name or value: line ends would let it write headers of its own."""
    return str(value).replace("\r", "").replace("\n", "")
