"""Departures at a station, from the interlocking's line protocol: one line asked, one line answered."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from tornado.web import Application, RequestHandler

line = socket.create_connection(("127.0.0.1", int(os.environ["INTERLOCKING_PORT"])))


def ask(question: str) -> str:
    """The interlocking's answer."""
    line.sendall(question.encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        answer += line.recv(4096)
    return answer.decode().strip()


class Departures(RequestHandler):
    """GET /departures/PLATFORM."""

    async def get(self, platform: str) -> None:
        """The next train of a platform."""
        self.write({"platform": platform, "next": ask(f"next {platform}")})


class Health(RequestHandler):
    """For whoever waits until the service is up."""

    async def get(self) -> None:
        """Up."""
        self.write("ok")


async def main() -> None:
    """Serves for ever."""
    Application([(r"/departures/(\d+)", Departures), (r"/health", Health)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
