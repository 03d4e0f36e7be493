"""A client of memcached: two of its commands, over a few connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Memcached:
    """Keys are ASCII without blanks, 250 at most."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._idle: list[Connection] = []

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises OSError when the server is gone."""
        async with self._connection() as (reader, writer):
            writer.write(f"get {key}\r\n".encode())
            line = await reader.readline()
            if line == b"END\r\n":
                return None
            value = await reader.readexactly(int(line.split()[3]) + 2)
            await reader.readline()
            return value[:-2]

    async def put(self, key: str, value: bytes, lasts_s: int) -> None:
        """Keeps a value for so long. Raises OSError when the server is gone or does not take it."""
        async with self._connection() as (reader, writer):
            writer.write(f"set {key} 0 {lasts_s} {len(value)}\r\n".encode() + value + b"\r\n")
            answer = await reader.readline()
            if answer != b"STORED\r\n":
                raise OSError(f"memcached says {answer!r}")

    async def close(self) -> None:
        """Closes the connections that nobody uses."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            await writer.wait_closed()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One that nobody else uses; kept for the next, unless something went wrong on it."""
        connection = self._idle.pop() if self._idle else await asyncio.open_connection(*self._address)
        try:
            yield connection
        except BaseException:
            connection[1].close()
            raise
        self._idle.append(connection)
