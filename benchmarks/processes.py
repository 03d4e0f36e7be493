"""What a second generator process brings on this machine: users without a pause, one process against two.

    python benchmarks/processes.py [--rounds 3] [--seconds 3] [--users 32]

Against the nginx of benchmarks/generator.py, on core 0, and against an app that computes about 3 ms for each answer in
one thread. The generator may use all cores, as in `loadlab run`. Rounds are interleaved, one and two processes by
turns; medians are printed. `busiest`: of the generator's processes, in cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from generator_rig import PORT, URL, WARM_S, nginx

from loadlab.clock import SYSTEM
from loadlab.load import LoadInterval
from loadlab.load._config import LoadConfig
from loadlab.load._driver import start

APP = """
import asyncio

class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        for _ in range(data.count(b"\\r\\n\\r\\n")):
            sum(range(120_000))
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", {port})
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass
class Counted:
    """A load.Listener: answers, and the busiest process, since the last `forget`."""

    answers: int = 0
    busiest_cores: float = 0.0
    start: float = 0.0
    end: float = 0.0

    def forget(self) -> None:
        """Begin anew."""
        self.answers, self.busiest_cores, self.start = 0, 0.0, 0.0

    def interval(self, interval: LoadInterval) -> None:
        """One interval of all processes together."""
        self.start, self.end = self.start or interval.start, interval.end
        self.answers += interval.succeeded
        self.busiest_cores = max(self.busiest_cores, interval.busiest_cores)


def measured(url: str, processes: int, users: int, seconds: float) -> tuple[float, float]:
    """Answers a second, and the cores that the busiest process used."""
    heard = Counted()
    config = LoadConfig(url, env=dict(os.environ), processes=processes)
    with start(config, heard, SYSTEM, SYSTEM.monotonic()) as generator:
        generator.set_users(users)
        SYSTEM.sleep(WARM_S)
        generator.cut()
        SYSTEM.sleep(0.1)
        heard.forget()
        SYSTEM.sleep(seconds)
        generator.cut()
        SYSTEM.sleep(0.1)
        return heard.answers / (heard.end - heard.start), heard.busiest_cores


@contextmanager
def app() -> Iterator[str]:
    """The one that computes, until the body ends; its address."""
    argv = [sys.executable, "-c", APP.format(port=PORT + 1)]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None or not server.stdout.readline():
            raise SystemExit("the app did not start")
        yield f"http://127.0.0.1:{PORT + 1}"
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--users", type=int, default=32)
    asked = parser.parse_args()
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="loadlab-bench-") as folder, nginx(Path(folder)), app() as slow:
        for _ in range(asked.rounds):
            for name, url in (("nginx", URL), ("app that computes", slow)):
                for processes in (1, 2):
                    one = measured(url, processes, asked.users, asked.seconds)
                    found.setdefault((name, processes), []).append(one)
    print("| Server | processes | requests/s | lowest to highest | busiest |\n|---|---|---|---|---|")
    for (name, processes), each in found.items():
        rates, busiest = [rate for rate, _ in each], statistics.median(cores for _, cores in each)
        span = f"{min(rates):,.0f} to {max(rates):,.0f}"
        print(f"| {name} | {processes} | {statistics.median(rates):,.0f} | {span} | {busiest:.2f} cores |")


if __name__ == "__main__":
    main()
