"""The house's line to the outside: passes bytes on, so many a second and no more, whoever sends them."""

from __future__ import annotations

import argparse
import asyncio
import os
import random

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
MBIT = float(os.environ.get("MBIT", "0")) or draw.uniform(60, 160)
PIECE = 16_384


class Line:
    """One for all connections: each piece has its turn."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def turn(self, size: int) -> None:
        """Waits until a piece of that size may go."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(now - 0.005, self._free_at) + size / self._bytes_per_s
        await asyncio.sleep(self._free_at - now)


async def _outwards(inner: asyncio.StreamReader, outer: asyncio.StreamWriter, line: Line) -> None:
    try:
        while piece := await inner.read(PIECE):
            await line.turn(len(piece))
            outer.write(piece)
            await outer.drain()
    finally:
        outer.close()


async def _inwards(outer: asyncio.StreamReader, inner: asyncio.StreamWriter) -> None:
    try:
        while piece := await outer.read(PIECE):
            inner.write(piece)
            await inner.drain()
    finally:
        inner.close()


async def main() -> None:
    """--port, --to"""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    given = parser.parse_args()
    line = Line(MBIT * 1e6 / 8)

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, to_inner = await asyncio.open_connection("127.0.0.1", given.to, limit=PIECE)
        await asyncio.gather(_outwards(inner, writer, line), _inwards(reader, to_inner), return_exceptions=True)

    async with await asyncio.start_server(joined, "127.0.0.1", given.port, limit=PIECE, backlog=1024) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
