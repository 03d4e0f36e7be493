"""The sample cluster's master keeps its workers alive, and takes them along."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "sample_apps"
pytestmark = pytest.mark.real


def wait_for(true: Callable[[], bool], within_s: float) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


class Cluster:
    """A master with two workers, as a process of its own."""

    def __init__(self, app: str = "shop.app:app") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        argv = [sys.executable, "-m", "cluster.master", app, "--port", str(self.port), "--workers", "2"]
        self.master = subprocess.Popen(argv, cwd=SAMPLES, stderr=subprocess.DEVNULL)

    def workers(self) -> set[int]:
        """Pids of the living workers."""
        found = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text()
        return {int(pid) for pid in found.split()}

    def answers(self) -> bool:
        """Whether the shop is up."""
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2).read() == b"ok")
        return False


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster that serves; gone afterwards."""
    made = Cluster()
    try:
        assert wait_for(lambda: len(made.workers()) == 2 and made.answers(), 10)
        yield made
    finally:
        made.master.kill()
        made.master.wait()


def alive(pid: int) -> bool:
    """Whether a process runs (zombies do not)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_a_dead_worker_is_replaced_within_a_second(cluster: Cluster) -> None:
    time.sleep(1.1)  # younger workers count as failed starts, which are replaced a little later
    victim = min(cluster.workers())
    os.kill(victim, signal.SIGKILL)
    assert wait_for(lambda: len(cluster.workers() - {victim}) == 2, 1)
    assert cluster.answers()


def test_a_counter_in_memory_is_another_one_in_each_worker(cluster: Cluster) -> None:
    """What was counted together is right; what any one of them says is not."""

    def visit(_: int) -> tuple[int, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{cluster.port}/visits", timeout=5) as answer:
            said = json.load(answer)
        return said["process"], said["visits"]

    highest: dict[int, int] = {}
    asked = 0
    with ThreadPoolExecutor(16) as pool:
        while set(highest) != cluster.workers() and asked < 4000:  # the second worker may still be starting
            for process, visits in pool.map(visit, range(100)):
                highest[process] = max(visits, highest.get(process, 0))
            asked += 100
    assert set(highest) == cluster.workers()
    assert sum(highest.values()) == asked and max(highest.values()) < asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_master_leaves_no_worker(cluster: Cluster, number: signal.Signals) -> None:
    workers = cluster.workers()
    cluster.master.send_signal(number)
    assert cluster.master.wait(8) == 0
    assert not any(alive(pid) for pid in workers)


def test_a_killed_master_leaves_no_worker(cluster: Cluster) -> None:
    workers = cluster.workers()
    cluster.master.kill()
    assert wait_for(lambda: not any(alive(pid) for pid in workers), 3)


def test_an_application_that_cannot_start_ends_the_master() -> None:
    assert Cluster("shop.nowhere:app").master.wait(20) == 3
