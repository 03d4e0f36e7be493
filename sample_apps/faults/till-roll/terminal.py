"""The card terminal: as a client, and (run by itself) as a server that any number may ask at once."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys


class Terminal:
    """Asks the terminal at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    def pay(self, article: int) -> str:
        """The receipt for an article."""
        with socket.create_connection(("127.0.0.1", self._port)) as line:
            line.sendall(f"{article}\n".encode())
            return line.makefile().readline().strip()


TAKES_S = random.Random(int(os.environ.get("LOADLAB_SEED", "1"))).uniform(0.004, 0.009)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A receipt for each article, after a while."""
    while line := await reader.readline():
        await asyncio.sleep(TAKES_S)
        writer.write(b"R" + line)
    writer.close()


async def main() -> None:
    """Until told to stop."""
    async with await asyncio.start_server(answer, "127.0.0.1", int(sys.argv[1]), backlog=512) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
