"""Prints tickets, any number side by side; each takes its time."""

from __future__ import annotations

import asyncio
import os
import random
import sys

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
TAKES_S = draw.uniform(0.006, 0.014)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A line a ticket."""
    while line := await reader.readline():
        await asyncio.sleep(TAKES_S)
        writer.write(b"T" + line)
    writer.close()


async def main() -> None:
    """Until told to stop."""
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=512) as server:
        await server.serve_forever()


asyncio.run(main())
