"""A closed loop of connections, in a process of its own: `closed_loop.py PORT CONNECTIONS`.

Each line on stdin ends the running interval; each interval is a line of JSON on stdout.
"""

import asyncio
import json
import sys
import time


class Loop:
    def __init__(self) -> None:
        self.completed = 0
        self.start = time.monotonic()

    async def connection(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"\r\n\r\nok")
            self.completed += 1

    def cut(self, connections: int) -> None:
        now = time.monotonic()
        line = {"start": self.start, "end": now, "completed": self.completed, "in_flight": connections}
        self.start, self.completed = now, 0
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


async def main(port: int, connections: int) -> None:
    loop = Loop()
    orders = asyncio.StreamReader()
    running = asyncio.get_running_loop()
    await running.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    work = [asyncio.create_task(loop.connection(port)) for _ in range(connections)]
    while await orders.readline():
        loop.cut(connections)
    for each in work:
        each.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
