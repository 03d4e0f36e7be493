"""Bookings of rooms, checked with the register next door. The firewall lets calls out from a few ports only."""

from __future__ import annotations

import asyncio
import os
import random
import socket

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FIRST = draw.randrange(41_000, 59_000)
COUNT = draw.randrange(120, 240)
KEEP = os.environ.get("KEEP", "no") == "yes"
IP_LOCAL_PORT_RANGE = 51  # Linux 6.3
lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def line() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the register, from one of the ports that are open."""
    if lines:
        return lines.pop()
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, FIRST + ((FIRST + COUNT - 1) << 16))
    try:
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", int(os.environ["REGISTER_PORT"])))
    except OSError:
        made.close()
        raise
    return await asyncio.open_connection(sock=made)


async def booking(_: Request) -> Response:
    """Whether the room is free."""
    try:
        reader, writer = await line()
    except OSError as error:
        return PlainTextResponse(f"the register is not to be had: {error}", status_code=502)
    writer.write(b"GET /room HTTP/1.1\r\nHost: register\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(each for each in head.decode().lower().splitlines() if each.startswith("content-length"))
    body = await reader.readexactly(int(size.split(":")[1]))
    if KEEP:
        lines.append((reader, writer))
    else:
        writer.close()
    return JSONResponse({"booked": body.decode()})


app = Starlette(routes=[Route("/health", health), Route("/booking", booking)])
