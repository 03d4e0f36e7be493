"""Calls from one service of the shop to another: JSON over HTTP/1.1, connections kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """One other service, http://host:port."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[Connection] = []

    async def get(self, path: str) -> dict[str, Any] | None:
        """The answer; None for 404. Raises OSError where the service is gone, or answers anything else."""
        try:
            status, body = await self._ask(path)
        except (EOFError, ConnectionResetError) as error:
            raise ConnectionError(f"{self._host}:{self._port} hung up") from error
        if status == 404:
            return None
        if status != 200:
            raise ConnectionError(f"{self._host}:{self._port}{path} answered {status}")
        found: dict[str, Any] = json.loads(body)
        return found

    async def _connection(self) -> Connection:
        """One that is still open, else a new one: servers close those that were idle for a few seconds."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def _ask(self, path: str) -> tuple[int, bytes]:
        reader, writer = await self._connection()
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
            head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().splitlines()
            headers = dict(line.split(": ", 1) for line in lines if line)
            body = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return int(head.split()[1]), body
