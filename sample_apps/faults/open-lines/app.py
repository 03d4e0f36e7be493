"""Meters in cellars, which keep their line open and seldom speak. Plain asyncio, and as much HTTP as they need."""

from __future__ import annotations

import asyncio
import os
import random
import sys

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
TARIFF = draw.randrange(25, 40)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One meter, until it hangs up."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            body = b"%d cents\n" % TARIFF
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serves for ever."""
    server = await asyncio.start_server(converse, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
