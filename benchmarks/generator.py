"""How fast the generators are, and how true: FastHttpUser, WireHttpUser and wrk against the same nginx.

    python benchmarks/generator.py [--rounds 3] [--seconds 3] [--users 32]

nginx answers 34 bytes from memory, on core 0; each generator has core 1 to itself. Rounds are interleaved, so that a
noisy minute hurts all alike, and medians are printed. Requests are counted by nginx itself (stub_status), the same way
for all; p50 is what the generator says (Locust's own statistics know whole milliseconds only: 0 is less than half of
one). `truth` is the server with one connection, as the kernel stamps it. `us each`: the generator's CPU a request.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadlab.clock import SYSTEM
from loadlab.load import LoadInterval
from loadlab.load._driver import LoadConfig, start

PORT = 18_917
URL = f"http://127.0.0.1:{PORT}"
SERVER_CORE, GENERATOR_CORE = 0, 1
WARM_S = 1.0
NGINX = """daemon off; worker_processes 1; pid nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello hello hello hello hello hel"; }}
  location /status {{ stub_status; }} }} }}
"""
LOCUSTFILE = """from locust import FastHttpUser, task
from loadlab.load import WireHttpUser

class {name}({name}HttpUser):
    @task
    def ask(self):
        self.client.get("/")
"""


@dataclass(frozen=True)
class Figure:
    """One generator in one round. p50_us: what it reports, NaN where it cannot tell; raw_p50_us: uncorrected, from the
    actual start, the same where it knows no other; busy: of its core, in 0..1."""

    rps: float
    p50_us: float
    raw_p50_us: float
    busy: float


@contextmanager
def nginx(folder: Path) -> Iterator[None]:
    """The server, until the body ends."""
    (folder / "nginx.conf").write_text(NGINX.format(port=PORT))
    argv = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    server = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *argv])
    try:
        for _ in range(100):
            SYSTEM.sleep(0.05)
            try:
                requests_served()
                break
            except OSError:
                continue
        yield
    finally:
        server.terminate()
        server.wait()


def requests_served() -> int:
    """By nginx, since it started."""
    with urllib.request.urlopen(f"{URL}/status", timeout=5) as answer:
        found = re.search(r"\n\s*\d+\s+\d+\s+(\d+)", answer.read().decode())
    return int(found[1]) if found else 0


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watched(pid: int, seconds: float) -> tuple[float, float]:
    """Requests a second and the share of its core a generator used, over `seconds`."""
    count, cpu, began = requests_served(), cpu_s(pid), SYSTEM.monotonic()
    SYSTEM.sleep(seconds)
    took = SYSTEM.monotonic() - began
    return (requests_served() - count) / took, (cpu_s(pid) - cpu) / took


def pinned(argv: list[str], **options: object) -> subprocess.Popen[str]:
    """A generator on its core."""
    return subprocess.Popen(["taskset", "-c", str(GENERATOR_CORE), *argv], text=True, **options)  # type: ignore[call-overload, no-any-return]


def plain_locust(kind: str, folder: Path, users: int, seconds: float) -> Figure:
    """`locust -f` with one of the two user classes."""
    file = folder / f"{kind.lower()}_user.py"
    file.write_text(LOCUSTFILE.format(name=kind))
    argv = [sys.executable, "-m", "locust", "-f", str(file), "--host", URL, "--headless", "-u", str(users)]
    argv += ["-r", str(users), "--csv", str(folder / kind), "--only-summary", "--loglevel", "ERROR"]
    process = pinned(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = requests_served()
    while requests_served() < before + 10 * users and process.poll() is None:
        SYSTEM.sleep(0.05)
    SYSTEM.sleep(WARM_S)
    rps, busy = watched(process.pid, seconds)
    process.terminate()
    process.wait()
    with (folder / f"{kind}_stats.csv").open() as table:
        p50_ms = next(float(row["50%"]) for row in csv.DictReader(table) if row["Name"] == "Aggregated")
    return Figure(rps, 1000 * p50_ms, 1000 * p50_ms, busy)


class Latencies:
    """A load.Listener that keeps latencies."""

    def __init__(self) -> None:
        self.us, self.raw_us = array("I"), array("I")

    def interval(self, interval: LoadInterval) -> None:
        """One interval."""
        for each in interval.endpoints:
            self.us.extend(each.latency_us)
            self.raw_us.extend(each.service_us)


def loadlab(folder: Path, users: int, seconds: float) -> Figure:
    """The generator as `loadlab run` uses it."""
    listener = Latencies()
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {GENERATOR_CORE})
    try:
        config = LoadConfig(URL, log=folder / "generator.log", env=dict(os.environ))
        generator = start(config, listener, SYSTEM, SYSTEM.monotonic())
    finally:
        os.sched_setaffinity(0, own)
    with generator:
        generator.set_users(users)
        SYSTEM.sleep(WARM_S)
        generator.cut()
        SYSTEM.sleep(0.05)
        listener.us, listener.raw_us = array("I"), array("I")
        rps, busy = watched(generator.pid, seconds)
    return Figure(rps, statistics.median(listener.us), statistics.median(listener.raw_us), busy)


def wrk(users: int, seconds: float) -> Figure:
    """The yardstick, where it is installed."""
    argv = ["wrk", "-t", "1", "-c", str(users), "-d", f"{seconds + WARM_S:.0f}s", "--latency", URL]
    process = pinned(argv, stdout=subprocess.PIPE)
    SYSTEM.sleep(WARM_S / 2)
    rps, busy = watched(process.pid, max(0.5, seconds - WARM_S / 2))
    said, _ = process.communicate()
    found = re.search(r"50%\s+([\d.]+)(us|ms|s)", said)
    scale = {"us": 1.0, "ms": 1e3, "s": 1e6}
    p50_us = float(found[1]) * scale[found[2]] if found else float("nan")
    return Figure(rps, p50_us, p50_us, busy)


def rounds(folder: Path, users: int, seconds: float, count: int) -> dict[str, list[Figure]]:
    """All generators, `count` times, interleaved."""
    figures: dict[str, list[Figure]] = {}
    for _ in range(count):
        figures.setdefault("truth", []).append(loadlab(folder, 1, min(1.0, seconds)))
        figures.setdefault("FastHttpUser, locust -f", []).append(plain_locust("Fast", folder, users, seconds))
        figures.setdefault("WireHttpUser, locust -f", []).append(plain_locust("Wire", folder, users, seconds))
        figures.setdefault("WireHttpUser, loadlab", []).append(loadlab(folder, users, seconds))
        if shutil.which("wrk"):
            figures.setdefault("wrk", []).append(wrk(users, seconds))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--users", type=int, default=32)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadlab-bench-") as folder, nginx(Path(folder)):
        figures = rounds(Path(folder), asked.users, asked.seconds, asked.rounds)
    truth = statistics.median(each.p50_us for each in figures["truth"])
    fast = statistics.median(each.rps for each in figures["FastHttpUser, locust -f"])
    peer = statistics.median(each.rps for each in figures["wrk"]) if "wrk" in figures else float("nan")
    print("| Generator | requests/s | x Fast | x wrk | core busy | us each | p50 it says | uncorrected | x truth |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, each in figures.items():
        rps, p50_us, raw_us, busy = (
            statistics.median(getattr(one, key) for one in each) for key in ("rps", "p50_us", "raw_p50_us", "busy")
        )
        cost = f"{rps:,.0f} | {rps / fast:.1f} | {rps / peer:.2f} | {busy:.0%} | {1e6 * busy / rps:.1f}"
        print(f"| {name} | {cost} | {p50_us:,.0f} us | {raw_us:,.0f} us | {p50_us / truth:.2f} |")


if __name__ == "__main__":
    main()
