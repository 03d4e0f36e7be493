"""The server of benchmarks/generator.py, on a core of its own, and what is read off it and off a generator."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadlab.clock import SYSTEM

PORT = 18_917
URL = f"http://127.0.0.1:{PORT}"
SERVER_CORE, GENERATOR_CORE = 0, 1
WARM_S = 1.0
NGINX = """daemon off; master_process off; pid nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "hello hello hello hello hello hel"; }}
  location /status {{ stub_status; }} }} }}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """The server, until the body ends; its process id."""
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
        yield server.pid
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


def rss_bytes(pid: int) -> int:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
