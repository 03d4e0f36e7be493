"""The same departures over as many lines as are asked at once, each awaited."""

from __future__ import annotations

import asyncio
import os
import sys

from tornado.web import Application, RequestHandler

idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def ask(question: str) -> str:
    """The interlocking's answer, over a line that nobody else uses meanwhile."""
    port = int(os.environ["INTERLOCKING_PORT"])
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
    writer.write(question.encode() + b"\n")
    answer = await reader.readline()
    idle.append((reader, writer))
    return answer.decode().strip()


class Departures(RequestHandler):
    """GET /departures/PLATFORM."""

    async def get(self, platform: str) -> None:
        """The next train of a platform."""
        self.write({"platform": platform, "next": await ask(f"next {platform}")})


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
