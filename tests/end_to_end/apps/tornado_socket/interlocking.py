"""The interlocking: answers on its line after the time the relays take."""

from __future__ import annotations

import asyncio
import os
import random
import sys

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
RELAYS_S = draw.uniform(0.010, 0.020)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One line, until the other side hangs up."""
    while question := await reader.readline():
        await asyncio.sleep(RELAYS_S)
        writer.write(b"train %d for %s" % (draw.randrange(100, 999), question))
    writer.close()


async def main() -> None:
    """Serves for ever."""
    server = await asyncio.start_server(converse, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
