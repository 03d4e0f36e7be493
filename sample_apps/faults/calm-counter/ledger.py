"""The ledger: any number of questions side by side; each takes its time."""

from __future__ import annotations

import asyncio
import os
import random
import sys

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
TAKES_S = draw.uniform(0.050, 0.065)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A line an account."""
    while line := await reader.readline():
        await asyncio.sleep(TAKES_S * random.uniform(0.9, 1.1))
        writer.write(f"{7919 * int(line) % 100_000}\n".encode())
    writer.close()


async def main() -> None:
    """Until told to stop."""
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=512) as server:
        await server.serve_forever()


asyncio.run(main())
