"""Two real services, one behind the other, under a real closed loop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.load import Listener, LoadInterval

HERE = Path(__file__).parent


@contextmanager
def started(argv: list[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        argv, cwd=HERE, env=os.environ | env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> None:
    deadline = SYSTEM.monotonic() + 20
    while SYSTEM.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            SYSTEM.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on {port}")


class RealGenerator:
    """The closed loop as the experiment sees it."""

    def __init__(self, child: subprocess.Popen[bytes], listener: Listener, t0: float) -> None:
        self.pid = child.pid
        self._child = child
        self._reader = threading.Thread(target=self._listen, args=(listener, t0), daemon=True)
        self._reader.start()

    def cut(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(b"cut\n")
        self._child.stdin.flush()

    def _listen(self, listener: Listener, t0: float) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            heard = json.loads(line)
            done, waiting = heard["completed"], heard["in_flight"]
            listener.interval(
                LoadInterval(heard["start"] - t0, heard["end"] - t0, waiting, waiting, done, done, 0, 0, 0)
            )


@dataclass
class Pair:
    """What runs: pids of a and b, and how to put them under load."""

    a: int
    b: int
    load: Callable[[Listener, float], RealGenerator]


@pytest.fixture
def pair() -> Iterator[Callable[[float, float], Pair]]:
    """Starts the two services with these CPU milliseconds a request; everything is killed at the end."""
    with ExitStack() as stack:

        def service(port: int, cpu_ms: float, **env: str) -> int:
            argv = [sys.executable, "-m", "uvicorn", "pair:app", "--port", str(port), "--no-access-log"]
            child = stack.enter_context(started(argv, CPU_MS=str(cpu_ms), **env))
            answers(port)
            return child.pid

        def start(a_ms: float, b_ms: float) -> Pair:
            a_port, b_port = free_port(), free_port()
            b = service(b_port, b_ms)
            a = service(a_port, a_ms, NEXT_PORT=str(b_port))

            def load(listener: Listener, t0: float) -> RealGenerator:
                argv = [sys.executable, "closed_loop.py", str(a_port), "16"]
                return RealGenerator(stack.enter_context(started(argv)), listener, t0)

            return Pair(a, b, load)

        yield start
