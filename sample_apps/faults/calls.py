"""A small HTTP client for calls between services: GET only, JSON objects only, connections kept open and used again."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Client:
    """Calls one other service. With `keep` off, every call opens a connection of its own and closes it afterwards."""

    def __init__(self, host: str, port: int, keep: bool = True) -> None:
        self._host = host
        self._port = port
        self._keep = keep
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> dict[str, Any]:
        """The answer, parsed. Raises OSError or EOFError when the connection fails, ValueError for other than a 200."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        try:
            kept = "keep-alive" if self._keep else "close"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nConnection: {kept}\r\n\r\n".encode())
            head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        if self._keep:
            self._idle.append((reader, writer))
        else:
            writer.close()
        if " 200" not in head:
            raise ValueError(f"{path}: {head}")
        answer: dict[str, Any] = json.loads(body)
        return answer
