"""The tax office: as a client, and (run by itself) as a server that any number may ask at once."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys


class Office:
    """Asks the office at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    def register(self, number: int) -> str:
        """The office's mark for an invoice."""
        with socket.create_connection(("127.0.0.1", self._port)) as line:
            line.sendall(f"{number}\n".encode())
            return line.makefile().readline().strip()


TAKES_S = random.Random(int(os.environ.get("LOADLAB_SEED", "1"))).uniform(0.006, 0.014)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mark for each number, after a while."""
    while line := await reader.readline():
        await asyncio.sleep(TAKES_S)
        writer.write(b"M" + line)
    writer.close()


async def main() -> None:
    """Until told to stop."""
    async with await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=512) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
