"""What each switch of the sample `proxied` buys: the same question with it off and on, the others off.

    python benchmarks/proxy.py [static] [gzip] [tls] [limit] [buffering]      # default: all, about 50 s

Asked by wrk (one thread, 8 connections, 3 s) and `openssl s_time`, which share the cores with nginx and the shop. CPU
is what the kernel counted for nginx.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from generator_rig import cpu_s
from standing import standing

from loadlab.clock import SYSTEM
from loadlab.services import _find
from loadlab.services._launch import Running

SECONDS = 3
OFF = "proxy.with.values={ tls = false, static = false, gzip = false, buffering = false, requests_per_s = 0 }"
PLAIN = ("proxy.scheme=http", "proxy.verify=")
SLOW_CLIENTS, SLOW_BYTES, PAUSE_S = 100, 100, 0.5
FILES = 80
"""Fewer than slow clients: what the shop may hold open."""
ASKED = 50


@dataclass(frozen=True)
class Asked:
    """What wrk counted, by second, and nginx's CPU for each request."""

    per_s: float
    refused_per_s: float
    cpu_ms: float


@contextmanager
def proxied(*switches: str) -> Iterator[Running]:
    """The sample with only these switches on: `gzip = true`."""
    plain = () if "tls = true" in switches else PLAIN
    changes = [f"proxy.with.values.{each.replace(' ', '')}" for each in switches]
    with standing("proxied", OFF, *plain, *changes) as running:
        yield running


def wrk(running: Running, path: str, *headers: str) -> Asked:
    """Asks for one path."""
    pids = [pid for each in running.now() if each.service == "proxy" for pid in _find.tree(each.pid)]
    before = sum(map(cpu_s, pids))
    words = [word for each in headers for word in ("-H", each)]
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", *words, running.url("proxy") + path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = sum(map(cpu_s, pids)) - before
    count = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    refused = int(other[1]) if other else 0
    return Asked((count - refused) / SECONDS, refused / SECONDS, 1000 * used / max(1, count))


def line(switch: str, asked: str, off: str, on: str) -> str:
    """A row of the table."""
    return f"| {switch} | {asked} | {off} | {on} |"


def static() -> Iterator[str]:
    """A file of 17 KB, from the shop and from nginx."""
    found = []
    for each in ("false", "true"):
        with proxied(f"static = {each}") as running:
            found.append(f"{wrk(running, '/static/shop.css').per_s:,.0f} requests/s")
    yield line("`static`", "`/static/shop.css`, 17 KB", *found)


def gzip() -> Iterator[str]:
    """A page of JSON, as it is and compressed."""
    found = []
    for each in ("false", "true"):
        with proxied(f"gzip = {each}") as running:
            ask = urllib.request.Request(running.url("proxy") + "/catalog", headers={"accept-encoding": "gzip"})
            with urllib.request.urlopen(ask) as answer:
                size = len(answer.read())
            counted = wrk(running, "/catalog", "Accept-Encoding: gzip")
            found.append(f"{size:,} bytes, {counted.per_s:,.0f} requests/s, nginx {counted.cpu_ms:.2f} ms CPU each")
    yield line("`gzip`", "`/catalog`", *found)


def tls() -> Iterator[str]:
    """Handshakes, with new connections, with resumed sessions, and without any."""
    ways: Mapping[str, tuple[str, ...]] = {"connections kept": (), "a connection each": ("Connection: close",)}
    found: dict[str, list[str]] = {each: [] for each in ways}
    handshakes = []
    for each in ("false", "true"):
        with proxied(f"tls = {each}") as running:
            for way, headers in ways.items():
                counted = wrk(running, "/health", *headers)
                found[way].append(f"{counted.per_s:,.0f} requests/s, nginx {counted.cpu_ms:.2f} ms CPU each")
            if each == "true":
                handshakes = [_handshakes(running, how) for how in ("-new", "-reuse")]
    for way, texts in found.items():
        yield line("`tls`", f"`/health`, {way}", *texts)
    yield line("`tls`", "handshakes alone (TLS 1.2): each in full; sessions resumed", *handshakes)


def _handshakes(running: Running, how: str) -> str:
    where = urlsplit(running.url("proxy"))
    pids = [pid for each in running.now() if each.service == "proxy" for pid in _find.tree(each.pid)]
    before = sum(map(cpu_s, pids))
    # TLS 1.3 gives its tickets after the handshake, where s_time does not wait for them.
    command = ["openssl", "s_time", "-connect", f"{where.hostname}:{where.port}", "-tls1_2", how, "-time", str(SECONDS)]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    counts = re.findall(r"(\d+) connections in (\d+) real seconds", said)
    if not counts:
        raise SystemExit(f"openssl s_time said: {said}")
    count, seconds = int(counts[-1][0]), SECONDS
    used = sum(map(cpu_s, pids)) - before
    return f"{count / seconds:,.0f} handshakes/s, nginx {1000 * used / max(1, count):.2f} ms CPU each"


def limit() -> Iterator[str]:
    """More than is allowed."""
    found = []
    for each in ("0", "100"):
        with proxied(f"requests_per_s = {each}") as running:
            counted = wrk(running, "/catalog")
            found.append(f"{counted.per_s:,.0f}/s served, {counted.refused_per_s:,.0f}/s answered 429")
    yield line("`requests_per_s = 100`", "`/catalog`", *found)


def buffering() -> Iterator[str]:
    """Clients that send slowly, before a shop that may hold few files."""
    found = []
    for each in ("false", "true"):
        with standing(
            "proxied", OFF, *PLAIN, f"proxy.with.values.buffering={each}", f"app.limits.files={FILES}"
        ) as running:
            found.append(asyncio.run(_slow(running)))
    yield line(f"`buffering`, a shop of at most {FILES} open files", f"{SLOW_CLIENTS} slow uploads", *found)


async def _slow(running: Running) -> str:
    where = urlsplit(running.url("proxy"))
    slow = [asyncio.create_task(_upload(str(where.hostname), int(where.port or 80))) for _ in range(SLOW_CLIENTS)]
    await asyncio.sleep(2)
    (app,) = [each for each in running.now() if each.service == "app"]
    held = sum(1 for pid in _find.tree(app.pid) for _ in _find.sockets(pid))
    good, began = 0, SYSTEM.monotonic()
    for _ in range(ASKED):
        with suppress(OSError):
            good += await asyncio.to_thread(_fine, running.url("proxy") + "/health")
    took = 1000 * (SYSTEM.monotonic() - began) / ASKED
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    return f"the shop holds {held} sockets; of {ASKED} others {good} are answered, {took:.0f} ms each"


def _fine(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)


async def _upload(host: str, port: int) -> None:
    """A body that takes its time."""
    _, writer = await asyncio.open_connection(host, port)
    head = "PUT /users/1/picture HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000\r\n\r\n"
    writer.write(head.encode())
    while True:
        writer.write(bytes(SLOW_BYTES))
        await writer.drain()
        await asyncio.sleep(PAUSE_S)


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    each.__name__: each for each in (static, gzip, tls, limit, buffering)
}


def main() -> None:
    """The parts that are named."""
    names = sys.argv[1:] or list(PARTS)
    print("| switch | asked | off | on |\n|---|---|---|---|")
    for name in names:
        for row in PARTS[name]():
            print(row, flush=True)


if __name__ == "__main__":
    main()
