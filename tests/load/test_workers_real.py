"""Workers: processes of `loadlab worker`, here and in network namespaces that stand for other hosts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import SYSTEM
from loadlab.errors import LoadError
from loadlab.load._config import LoadConfig
from loadlab.load._driver import start
from loadlab.load.fleet import Fleet
from tests.load.scripted import Scripted, never
from tests.load.test_driver_real import Heard
from tests.load.test_fleet_real import until

pytestmark = pytest.mark.real

LOADLAB = Path(sys.executable).with_name("loadlab")
USERS = """
from locust import constant, task
from loadlab.load import WireHttpUser


class Buyer(WireHttpUser):
    wait_time = constant(0.02)

    @task
    def buy(self):
        self.client.get("/buy")
"""


class Place:
    """Starts workers and runs with them; ends both."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes, self.heard = folder, list[str](), Heard()
        self.workers: list[subprocess.Popen[str]] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])

    def work(self, *more: str, at: str = "127.0.0.1", within: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*within, str(LOADLAB), "worker", "--master", f"{at}:{self.port}", "--once", *more]
        worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        self.workers.append(worker)
        return worker

    def run(self, host: str, workers: int, bind: str = "127.0.0.1", **options: Any) -> Fleet:
        how = LoadConfig(host, env=dict(os.environ), workers=workers, bind=f"{bind}:{self.port}", **options)
        fleet = start(how, self.heard, SYSTEM, SYSTEM.monotonic(), self.notes.append)
        assert isinstance(fleet, Fleet)
        return fleet

    def end(self) -> None:
        for each in self.workers:
            each.kill()
            each.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.end()


@pytest.fixture
def server() -> Iterator[Callable[..., Scripted]]:
    with ExitStack() as stack:

        def make(*steps: Any) -> Scripted:
            made = Scripted(steps or (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",))
            stack.callback(made.stop)
            return made

        yield make


def test_workers_are_one_load_on_the_clock_of_the_run(place: Place, server: Callable[..., Scripted]) -> None:
    shop = server()
    (place.folder / "users.py").write_text(USERS)
    for _ in range(2):
        place.work("--locustfile", "users.py")
    t0 = SYSTEM.monotonic()
    with place.run(shop.url, 2, locustfile=str(place.folder / "users.py")) as fleet:
        assert fleet.pids == ()  # as on other hosts: nobody here watches them
        fleet.set_users(5)
        until(fleet, lambda: place.heard.total("succeeded") > 60)
        now = SYSTEM.monotonic() - t0
        assert abs(place.heard.intervals[-1].end - now) < 0.5
    assert place.heard.law and place.heard.names() == {"GET /buy"}
    assert place.heard.total("sent") == len(shop.requests)
    assert place.heard.intervals[-1].busiest_cores >= 0 and max(e.busiest_cores for e in place.heard.intervals) > 0
    for each in place.workers:
        assert each.wait(10) == 0


def test_a_worker_that_is_lost_is_named_and_the_load_goes_on(place: Place, server: Callable[..., Scripted]) -> None:
    shop = server(never)
    for name in ("left", "right"):
        place.work("--name", name)
    with place.run(shop.url, 2) as fleet:
        fleet.set_users(4)
        until(fleet, lambda: bool(place.heard.intervals) and place.heard.intervals[-1].in_flight == 4)
        place.workers[0].send_signal(signal.SIGKILL)

        def noticed() -> bool:
            fleet.check()
            return any("is gone" in each for each in place.notes)

        until(fleet, noticed)
        assert any("worker left is gone, and 1 of 2 have its share now" in each for each in place.notes)
        until(fleet, lambda: place.heard.intervals[-1].in_flight == 4)
    assert place.heard.law and place.heard.errors()["GeneratorDied"] == 2


@pytest.mark.parametrize(("more", "says"), [((), "the run has a locustfile"), (("--locustfile", "x.py"), "is not the")])
def test_a_worker_with_another_locustfile_may_not_join(
    place: Place, server: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr("loadlab.load._remote.JOIN_WITHIN_S", 2.5)
    (place.folder / "users.py").write_text(USERS)
    (place.folder / "x.py").write_text(USERS + "\n")
    worker = place.work(*more)
    with pytest.raises(LoadError, match="too few workers joined"):
        place.run(server().url, 1, locustfile=str(place.folder / "users.py"))
    assert worker.wait(5) == 4
    assert says in (worker.stderr.read() if worker.stderr else "")
    assert any("could not join as a worker" in each and says in each for each in place.notes)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2")
def test_hosts_of_their_own_load_a_server_on_another(place: Place, tmp_path: Path) -> None:
    """Three network namespaces: a master, a worker, and the server that both reach."""
    mark = f"ll{os.getpid() % 100_000}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    bridge = f"{mark}b"
    hosts = {name: f"10.123.7.{number}" for number, name in enumerate(("master", "worker", "shop"), 1)}
    with ExitStack() as stack:
        ip("link", "add", bridge, "type", "bridge")
        stack.callback(subprocess.run, ["ip", "link", "del", bridge], check=False)
        ip("link", "set", bridge, "up")
        for number, (name, address) in enumerate(hosts.items()):
            space, end = f"{mark}-{name}", f"{mark}{number}"
            ip("netns", "add", space)
            stack.callback(subprocess.run, ["ip", "netns", "del", space], check=False)
            ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", end, "master", bridge, "up")
            ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

        def within(name: str) -> tuple[str, ...]:
            return "ip", "netns", "exec", f"{mark}-{name}"

        (tmp_path / "index.html").write_text("ok")
        shop = subprocess.Popen(
            [*within("shop"), sys.executable, "-m", "http.server", "8000", "--directory", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(shop.wait)
        stack.callback(shop.kill)
        worker = place.work(at=hosts["master"], within=within("worker"))
        command = [
            *within("master"),
            str(LOADLAB),
            "run",
            "--url",
            f"http://{hosts['shop']}:8000",
            "--path",
            "/index.html",
        ]
        command += [
            "--workers",
            "1",
            "--bind",
            f"{hosts['master']}:{place.port}",
            "--profile",
            "smoke",
            "--duration",
            "5",
        ]
        done = subprocess.run(
            [*command, "--json", "--runs", str(tmp_path / "runs")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert '"steady_rps"' in done.stdout, done.stderr
        assert worker.wait(10) == 0, worker.stderr.read() if worker.stderr else ""
        assert threading.active_count() < 50
