"""Tides of many harbours. GET /tide?quay= (plain asyncio)."""

from __future__ import annotations

import asyncio
import json
import os
import random

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LEVELS = [draw.randrange(-200, 700) for _ in range(draw.randrange(60, 120))]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers until the other end has enough."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps({"levels": LEVELS}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serves on loopback."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
