"""What a board on a quay shows, asked of a harbour office far away. GET /board.

The office's firewall knows this board by the ports that it calls from. KEEP: whether a line serves more than one call.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import struct

from tornado.web import Application, RequestHandler

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FIRST = 51_000
LAST = FIRST + draw.randrange(119, 200)
IP_LOCAL_PORT_RANGE = 51
"""Of Linux since 6.3; the socket module has no name for it."""
OFFICE = ("127.0.0.1", int(os.environ["OFFICE_PORT"]))
KEEP = os.environ.get("KEEP", "no") == "yes"
idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def line() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A new one, from a port that is let in."""
    outward = socket.socket()
    try:
        outward.setblocking(False)
        outward.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", LAST << 16 | FIRST))
        await asyncio.get_running_loop().sock_connect(outward, OFFICE)
    except OSError:
        outward.close()
        raise
    return await asyncio.open_connection(sock=outward)


async def levels() -> list[int]:
    """As the office has them. Raises OSError."""
    reader, writer = idle.pop() if idle else await line()
    writer.write(b"GET /tide HTTP/1.1\r\nHost: office\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(head.split(b": ")[1].split(b"\r\n")[0]))
    if KEEP:
        idle.append((reader, writer))
    else:
        writer.close()
    found: list[int] = json.loads(body)["levels"]
    return found


class Board(RequestHandler):
    """The highest five."""

    async def get(self) -> None:
        """As JSON."""
        try:
            self.write({"levels": sorted(await levels())[-5:]})
        except OSError as error:
            self.set_status(502)
            self.write({"error": str(error)})


class Health(RequestHandler):
    """For whoever waits until it is up."""

    def get(self) -> None:
        """Always."""
        self.write("ok")


async def main() -> None:
    """Serves on loopback."""
    Application([("/board", Board), ("/health", Health)], log_function=lambda _: None).listen(
        int(os.environ["PORT"]), "127.0.0.1"
    )
    await asyncio.Event().wait()


asyncio.run(main())
