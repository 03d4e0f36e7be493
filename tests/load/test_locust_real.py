"""Under Locust's own command: statistics, several processes, and the user behaviour that comes with loadlab."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from loadlab.clock import SYSTEM
from loadlab.spec.places import locustfiles
from tests.load.scripted import Scripted, Step, header, ok

pytestmark = pytest.mark.real

USERS = """
from locust import task, constant
from loadlab.load import WireHttpUser

class User(WireHttpUser):
    wait_time = constant(0.02)
    default_headers = {"X-From": "locust"}
    @task
    def ask(self):
        with self.client.get("/thing", name="thing", catch_response=True) as answer:
            if answer.headers.get("x-bad"):
                answer.failure("bad")
"""


Server = Callable[..., Scripted]


@pytest.fixture
def server() -> Iterator[Server]:
    made: list[Scripted] = []

    def begin(*steps: Step) -> Scripted:
        made.append(Scripted(steps))
        return made[-1]

    yield begin
    for each in made:
        each.stop()


def locust(file: Path, server: Scripted, *more: str) -> dict[str, tuple[int, int]]:
    """name -> (requests, failures), as Locust's last words have them."""
    argv = [sys.executable, "-m", "locust", "-f", str(file), "--host", server.url, "--headless", "-u", "4", "-r", "4"]
    argv += ["-t", "2s", "--only-summary", "--stop-timeout", "2", *more]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=file.parent)
    assert "Traceback" not in done.stderr
    return summary(done.stderr)


def summary(said: str) -> dict[str, tuple[int, int]]:
    found = re.findall(r"^(?:[A-Z]+)? +(\S+) +(\d+) +(\d+)\(", said, re.MULTILINE)
    return {name: (int(count), int(failed)) for name, count, failed in found}


@pytest.mark.parametrize("more", [(), ("--processes", "2")])
def test_locusts_own_statistics_see_each_request(server: Server, tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "users.py").write_text(USERS)
    to = server(ok(b"fine"), ok(b"bad", b"X-Bad: 1"), ok(b"fine"))
    found = locust(tmp_path / "users.py", to, *more)
    assert found["thing"] == found["Aggregated"] == (len(to.requests), 1)
    assert len(to.requests) > 20
    assert header(to.requests[0], "x-from") == "locust"


@pytest.mark.parametrize("name", ["browse", "checkout"])
def test_what_comes_with_loadlab_runs_under_locust_alone(server: Server, name: str) -> None:
    to = server(ok(b'{"token": "t", "id": "7"}'))
    found = locust(locustfiles() / f"{name}.py", to, "-t", "4s")
    assert found["Aggregated"] == (len(to.requests), 0)
    assert len(to.requests) > 5
    assert not [each for each in found if re.search(r"/\d", each)]


def test_ctrl_c_ends_it_with_its_statistics(server: Server, tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(USERS)
    to = server(ok(b"bad", b"X-Bad: 1"))
    argv = [sys.executable, "-m", "locust", "-f", str(tmp_path / "users.py"), "--host", to.url, "--headless"]
    process = subprocess.Popen(
        [*argv, "--stop-timeout", "2"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    end = SYSTEM.monotonic() + 20
    while len(to.requests) < 10 and SYSTEM.monotonic() < end:
        SYSTEM.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert summary(said)["thing"] == (len(to.requests), len(to.requests))
    assert "GET thing: bad" in said


def test_in_the_web_interface_with_master_and_worker(server: Server, tmp_path: Path) -> None:
    """Started and stopped over HTTP, as the page does it; what the master shows is what the server was asked."""
    (tmp_path / "users.py").write_text(USERS)
    to = server(ok(b"bad", b"X-Bad: 1"))
    bind, page = free_port(), free_port()
    locust = [sys.executable, "-m", "locust", "-f", str(tmp_path / "users.py"), "--loglevel", "ERROR"]
    ports = ["--master-bind-port", str(bind), "--web-port", str(page)]
    master = subprocess.Popen([*locust, "--master", "--web-host", "127.0.0.1", "--host", to.url, *ports])
    worker = subprocess.Popen([*locust, "--worker", "--master-port", str(bind)])
    try:
        until(lambda: len(asked(page, "/stats/requests")["workers"]) == 1)
        assert asked(page, "/swarm", {"user_count": 4, "spawn_rate": 4})["success"]
        until(lambda: len(to.requests) > 20)
        asked(page, "/stop", {"now": 1})
        until(lambda: shown(page)["num_requests"] == len(to.requests))
        thing = shown(page)
        assert thing["num_failures"] == thing["num_requests"] == len(to.requests)
        assert {each["error"] for each in asked(page, "/stats/requests")["errors"]} == {"CatchResponseError('bad')"}
    finally:
        for each in (worker, master):
            each.terminate()
            each.wait(timeout=20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def asked(port: int, path: str, form: dict[str, int] | None = None) -> Any:
    """What the page gets."""
    data = urlencode(form).encode() if form else None
    with urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=5) as answer:
        return json.loads(answer.read())


def shown(port: int) -> Any:
    return next(each for each in asked(port, "/stats/requests")["stats"] if each["name"] == "thing")


def until(true: Callable[[], bool]) -> None:
    """Fails where it does not become true."""
    end = SYSTEM.monotonic() + 15
    while SYSTEM.monotonic() < end:
        with suppress(OSError, StopIteration):
            if true():
                return
        SYSTEM.sleep(0.1)
    raise AssertionError("never")
