"""How fast the generators are, and how true: FastHttpUser, WireHttpUser and wrk against the same nginx.

    python benchmarks/generator.py [--only rates,stall,hold,merge] [--rounds 3] [--seconds 3] [--users 32] [--hold 300]

nginx answers 34 bytes from memory, on core 0; each generator has core 1 to itself. Prints the figures of each part, and
at the end what was promised of them, and whether that was reached.

rates: rounds are interleaved, so that a noisy minute hurts all alike, and medians are printed. Requests are counted by
nginx itself (stub_status), the same way for all; p50 is what the generator says (Locust's own statistics know whole
milliseconds only: 0 is less than half of one). `truth` is what the kernel's stamps say of the server, from the actual
start, where neither it nor the generator is full: half of the highest rate; one connection, for which nginx is woken
each time, stands beside it. `us each`: the generator's CPU a request.
stall: wrk2's test: 2,000 requests/s over 100 connections, ten seconds and twenty more, in which the server stands
still for 1.4 s. hold: half of the highest rate, on a schedule, for --hold seconds. merge: percentiles of a recording,
written by four, against all latencies of the stall, sorted.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from generator_rig import (
    GENERATOR_CORE,
    SERVER_CORE,
    URL,
    WARM_S,
    cpu_s,
    nginx,
    pinned,
    requests_served,
    rss_bytes,
    watched,
)

from loadlab.clock import SYSTEM
from loadlab.load import EndpointInterval, LoadInterval
from loadlab.load._config import LoadConfig
from loadlab.load._driver import ChildGenerator, start
from loadlab.recording.hlog import HistogramLog, LatencyLog

LOCUSTFILE = """from locust import FastHttpUser, task
from loadlab.load import WireHttpUser

class {name}({name}HttpUser):
    @task
    def ask(self):
        self.client.get("/")
"""
BARE_FILE = '''"""What Locust and the kernel take of a request, whoever makes it: nothing is parsed or counted."""
import socket
from urllib.parse import urlsplit

import gevent
from locust import User, task

TEXT = b"GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n"

class BareUser(User):
    def on_start(self):
        server = urlsplit(self.host)
        self.kept = gevent.socket.create_connection((server.hostname, server.port))
        self.socket = self.kept._sock
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.hub, self.me = gevent.get_hub(), gevent.getcurrent()
        self.watcher = self.hub.loop.io(self.socket.fileno(), 1)
        self.watcher.start(self.readable)

    def readable(self):
        self.socket.recv(65536)
        self.me.switch()

    @task
    def ask(self):
        self.socket.send(TEXT)
        self.hub.switch()
'''


@dataclass(frozen=True)
class Figure:
    """One generator in one round. p50_us: what it reports, NaN where it cannot tell; raw_p50_us: uncorrected, from the
    actual start, the same where it knows no other; busy: of its core, in 0..1."""

    rps: float
    p50_us: float
    raw_p50_us: float
    busy: float

    @property
    def cost_us(self) -> float:
        """CPU a request."""
        return 1e6 * self.busy / self.rps


def plain_locust(kind: str, folder: Path, users: int, seconds: float) -> Figure:
    """`locust -f` with one of the user classes. p50 of a bare one is NaN: it tells Locust nothing."""
    file = folder / f"{kind.lower()}_user.py"
    file.write_text(BARE_FILE if kind == "Bare" else LOCUSTFILE.format(name=kind))
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
        told = next(row["50%"] for row in csv.DictReader(table) if row["Name"] == "Aggregated")
    p50_ms = float("nan") if told == "N/A" else float(told)
    return Figure(rps, 1000 * p50_ms, 1000 * p50_ms, busy)


class Latencies:
    """A load.Listener that keeps latencies, how late each request left, and, of each interval, the p99 of that and for
    how long others had the generator's core."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.us, self.raw_us, self.late_us = array("I"), array("I"), array("I")
        self.late_p99_us: list[float] = []
        self.delays: list[float] = []
        self.sent = self.failed = 0
        self.start = self.end = 0.0

    def interval(self, interval: LoadInterval) -> None:
        """One interval."""
        self.start, self.end = self.start or interval.start, interval.end
        for each in interval.endpoints:
            self.us.extend(each.latency_us)
            self.raw_us.extend(each.service_us)
        self.late_us.extend(interval.schedule_lag_us)
        if len(interval.schedule_lag_us):
            self.late_p99_us.append(float(np.percentile(interval.schedule_lag_us, 99)))
            self.delays.append(interval.busiest_delay)
        self.sent += interval.sent
        self.failed += interval.failed


@contextmanager
def own_generator(folder: Path, listener: Latencies, **options: Any) -> Iterator[ChildGenerator]:
    """The generator as `loadlab run` uses it, on its core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {GENERATOR_CORE})
    try:
        config = LoadConfig(URL, log=folder / "generator.log", env=dict(os.environ), **options)
        generator = start(config, listener, SYSTEM, SYSTEM.monotonic())
    finally:
        os.sched_setaffinity(0, own)
    with generator:
        yield generator


def loadlab(folder: Path, users: int, seconds: float, **options: Any) -> Figure:
    """Users without a pause, or the rate of `options`."""
    listener = Latencies()
    rate = options.pop("rate", None)
    with own_generator(folder, listener, **options) as generator:
        if rate is None:
            generator.set_users(users)
        else:
            generator.set_rate(rate)
        SYSTEM.sleep(WARM_S)
        generator.cut()
        SYSTEM.sleep(0.05)
        listener.forget()
        rps, busy = watched(generator.pids[0], seconds)
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


FAST, PLAIN = "FastHttpUser, locust -f", "WireHttpUser, locust -f"
BARE = "a user that only sends and receives, locust -f"
FILE, OWN, WRK = "WireHttpUser in a locustfile, loadlab", "loadlab's default user", "wrk"
TRUTH, HALF = "truth: one connection", "truth: half the rate"
Promise = tuple[str, str, str, bool | None]
"""What, the goal, what came out, whether that reaches it."""


@dataclass
class Bench:
    """One call of this script."""

    folder: Path
    server: int
    asked: argparse.Namespace
    promises: list[Promise] = field(default_factory=list)
    stalled: Latencies = field(default_factory=Latencies)
    most_rps: float = 0.0

    def most(self) -> float:
        """The highest rate of loadlab's own user; measured here where `rates` was not asked for."""
        if not self.most_rps:
            self.most_rps = loadlab(self.folder, self.asked.users, 3.0).rps
        return self.most_rps

    def rates(self) -> None:
        """Figures 1 and 2."""
        found = self._rounds()
        middle = {name: median(each) for name, each in found.items()}
        self.most_rps = middle[OWN].rps
        fast, peer, truth = middle[FAST], middle.get(WRK), middle[HALF].raw_p50_us
        print("| Generator | requests/s | x Fast | x wrk | core busy | us each | p50 it says | uncorrected | x truth |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, each in middle.items():
            wrks = f"{each.rps / peer.rps:.2f}" if peer else ""
            cost = f"{each.rps:,.0f} | {each.rps / fast.rps:.1f} | {wrks} | {each.busy:.0%} | {each.cost_us:.1f}"
            print(
                f"| {name} | {cost} | {each.p50_us:,.0f} us | {each.raw_p50_us:,.0f} us | {each.p50_us / truth:.2f} |"
            )
        for name in (FILE, PLAIN):
            self.reach(f"{name}: requests/s against FastHttpUser", 8, middle[name].rps / fast.rps, "times")
            if peer:
                self.reach(f"{name}: requests/s against wrk", 25, 100 * middle[name].rps / peer.rps, "%")
        bare = middle[BARE].rps / fast.rps
        self.promises.append(
            ("one that only sends and receives, against FastHttpUser", "the most there is", f"{bare:.1f} times", None)
        )
        ratio = middle[OWN].p50_us / truth
        says = f"{ratio:.2f} times ({middle[OWN].p50_us:.0f} of {truth:.0f} us)"
        self.promises.append(("p50 of a full generator against the truth", "0.5 to 2 times", says, 0.5 <= ratio <= 2))
        off = fast.p50_us / truth
        self.promises.append(("the same of FastHttpUser", "over 50 times: the problem", f"{off:.0f} times", None))

    def reach(self, what: str, least: float, found: float, unit: str) -> None:
        """A figure that is to be at least so much."""
        self.promises.append((what, f"at least {least:g} {unit}", f"{found:.1f} {unit}", found >= least))

    def _rounds(self) -> dict[str, list[Figure]]:
        folder, users, seconds = self.folder, self.asked.users, self.asked.seconds
        file = folder / "own_user.py"
        file.write_text(LOCUSTFILE.format(name="Wire"))
        figures: dict[str, list[Figure]] = {}
        for _ in range(self.asked.rounds):
            figures.setdefault(TRUTH, []).append(loadlab(folder, 1, min(1.0, seconds)))
            figures.setdefault(FAST, []).append(plain_locust("Fast", folder, users, seconds))
            figures.setdefault(PLAIN, []).append(plain_locust("Wire", folder, users, seconds))
            figures.setdefault(BARE, []).append(plain_locust("Bare", folder, users, seconds))
            figures.setdefault(FILE, []).append(loadlab(folder, users, seconds, locustfile=str(file)))
            figures.setdefault(OWN, []).append(loadlab(folder, users, seconds))
            half = figures[OWN][-1].rps / 2
            figures.setdefault(HALF, []).append(loadlab(folder, users, seconds, model="open", rate=half))
            if shutil.which("wrk"):
                figures.setdefault(WRK, []).append(wrk(users, seconds))
        return figures

    def stall(self) -> None:
        """Figure 3."""
        heard = self.stalled
        with own_generator(self.folder, heard, model="open", arrivals="even", max_in_flight=100) as generator:
            generator.set_rate(STALL_RPS)
            SYSTEM.sleep(10.0)
            generator.cut()
            SYSTEM.sleep(0.1)
            heard.forget()
            SYSTEM.sleep(8.0)
            os.kill(self.server, signal.SIGSTOP)
            try:
                SYSTEM.sleep(STALL_S)
            finally:
                os.kill(self.server, signal.SIGCONT)
            SYSTEM.sleep(20.0 - 8.0 - STALL_S)
        p99, raw = (np.percentile(each, 99) / 1e6 for each in (heard.us, heard.raw_us))
        print(f"stall: {len(heard.us):,} answers, {heard.failed} failed; p99 {p99:.3f} s, uncorrected {raw:.4f} s")
        says = f"{p99:.2f} s (uncorrected {1000 * raw:.1f} ms)"
        self.promises.append(("p99 of wrk2's stall", "1.20 to 1.45 s", says, bool(1.20 <= p99 <= 1.45)))

    def hold(self) -> None:
        """Figure 4."""
        rate, heard, seconds = self.most() / 2, Latencies(), self.asked.hold
        with own_generator(self.folder, heard, model="open") as generator:
            generator.set_rate(rate)
            SYSTEM.sleep(5.0)
            generator.cut()
            SYSTEM.sleep(0.1)
            heard.forget()
            before, cpu = rss_bytes(generator.pids[0]), cpu_s(generator.pids[0])
            SYSTEM.sleep(seconds)
            generator.cut()
            SYSTEM.sleep(0.1)
            took, used = heard.end - heard.start, cpu_s(generator.pids[0]) - cpu
            sent, grown = heard.sent, rss_bytes(generator.pids[0]) - before
        off, late_ms = sent / took / rate - 1, np.percentile(heard.late_us, 99) / 1000
        rps, busy = sent / took, used / took
        print(f"hold: {rate:,.0f} requests/s asked, {rps:,.0f} sent over {took:.0f} s; core {busy:.0%} busy")
        print(f"hold: late p50 {np.percentile(heard.late_us, 50):.0f} us, p99 {late_ms:.2f} ms; {heard.failed} failed")
        middle_ms, held = statistics.median(heard.late_p99_us) / 1000, sum(each < 5000 for each in heard.late_p99_us)
        print(
            f"hold: late p99 of a second {middle_ms:.2f} ms, below 5 ms in {held} of {len(heard.late_p99_us)} seconds"
        )
        print(f"hold: ready and not running, as others had its core: {statistics.mean(heard.delays):.1%} of the time")
        span = f"for {took:.0f} s"
        self.promises += [
            (f"half the rate, {span}", "within 0.5%", f"{off:+.2%} of {rate:,.0f}/s", abs(off) <= 0.005),
            (f"lateness p99, {span}", "below 5 ms", f"{late_ms:.2f} ms", bool(late_ms < 5)),
            (f"growth of memory, {span}", "below 5 MB in 10 million", growth(grown, sent), grown * 1e7 / sent < 5e6),
        ]

    def merge(self) -> None:
        """Figure 5."""
        if not self.stalled.us:
            raise SystemExit("merge needs the latencies of stall: --only stall,merge")
        exact = np.sort(np.asarray(self.stalled.us, dtype=np.int64))
        with tempfile.TemporaryDirectory() as name:
            log = LatencyLog(Path(name), SYSTEM.wall())
            for second, part in enumerate(np.array_split(np.asarray(self.stalled.us), 4)):
                values = array("I", part.tolist())
                endpoint = EndpointInterval("GET /", "ok", values, values)
                log.add(LoadInterval(second, second + 1.0, 1, 0, 0, 0, 0, 0, 0, endpoints=(endpoint,)), str)
            log.close()
            read = HistogramLog.read(Path(name) / "requests.hlog")
            found = read.quantiles(0, 10, what="latency") if read else None
        if found is None:
            raise SystemExit("nothing was written")
        worst = 0.0
        says = {50: found.p50_ms, 90: found.p90_ms, 95: found.p95_ms, 99: found.p99_ms, 100: found.max_ms}
        for percent, ms in says.items():
            true_ms = float(np.percentile(exact, percent, method="inverted_cdf")) / 1000
            worst = max(worst, abs(ms / true_ms - 1))
            print(f"merge: p{percent} {true_ms:.3f} ms sorted, {ms:.3f} ms merged from four")
        self.promises.append(("percentiles merged from four", "within 0.1% of a sort", f"{worst:.3%}", worst <= 0.001))


STALL_RPS, STALL_S = 2_000.0, 1.4


def growth(bytes_: int, requests: int) -> str:
    """In all, and what that would be in ten million."""
    return f"{bytes_ / 1e6:.1f} MB in {requests / 1e6:.1f} million ({bytes_ * 1e7 / requests / 1e6:.1f} MB in 10)"


def median(figures: list[Figure]) -> Figure:
    """Of each number by itself."""
    return Figure(*(statistics.median(getattr(each, name) for each in figures) for name in Figure.__annotations__))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="rates,stall,hold,merge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--hold", type=float, default=300.0)
    asked = parser.parse_args()
    # What reads the answers of loadlab's generator would else run on its core at the end of each second.
    os.sched_setaffinity(0, {SERVER_CORE})
    with tempfile.TemporaryDirectory(prefix="loadlab-bench-") as folder, nginx(Path(folder)) as server:
        bench = Bench(Path(folder), server, asked)
        for part in asked.only.split(","):
            {"rates": bench.rates, "stall": bench.stall, "hold": bench.hold, "merge": bench.merge}[part]()
    print("\n| What | Goal | Measured | Reached |\n|---|---|---|---|")
    for what, goal, found, reached in bench.promises:
        print(f"| {what} | {goal} | {found} | {'' if reached is None else 'yes' if reached else 'no'} |")


if __name__ == "__main__":
    main()
