"""The smallest system with a bottleneck: burns CPU_MS of CPU a request and, where NEXT_PORT is set, asks the next."""

import asyncio
import os
import time

CPU_S = float(os.environ["CPU_MS"]) / 1000
NEXT_PORT = int(os.environ.get("NEXT_PORT", "0"))
idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def ask_next() -> None:
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", NEXT_PORT)
    writer.write(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
    await reader.readuntil(b"\r\n\r\nok")
    idle.append((reader, writer))


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    until = time.thread_time() + CPU_S
    while time.thread_time() < until:
        pass
    if NEXT_PORT:
        await ask_next()
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
