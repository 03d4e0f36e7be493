"""The post office: any number may ask at once, and an answer takes a while."""

from __future__ import annotations

import asyncio
import os
import random
import sys

TAKES_S = random.Random(int(os.environ.get("LOADLAB_SEED", "1"))).uniform(0.008, 0.018)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A letter for a number."""
    number = await reader.readline()
    await asyncio.sleep(TAKES_S)
    writer.write(b"letter " + number)
    writer.close()


async def main() -> None:
    """Until told to stop."""
    async with await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=512) as server:
        await server.serve_forever()


asyncio.run(main())
