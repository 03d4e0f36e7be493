from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadlab.clock import FakeClock
from loadlab.services import ProcessPlan, _ready
from loadlab.services._ready import Check
from loadlab.spec.model import Ready

NOWHERE = Path("/nowhere")


def check(ready: Ready, ports: tuple[int, ...] = (), log: Path = NOWHERE, since: int = 0, **more: Any) -> Check:
    plan = ProcessPlan("app", 0, ("x",), NOWHERE, NOWHERE, ports=ports, ready=ready, **more)
    return _ready.check(plan, log, since, FakeClock())


@pytest.fixture
def web() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.strip("/")))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.real
@pytest.mark.parametrize(("status", "is_ready"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
def test_by_http(status: int, is_ready: bool, web: int) -> None:
    answer = check(Ready(http=f"/{status}"), (web,))()
    if is_ready:
        assert answer is None
    else:
        assert answer is not None and answer.startswith(f"GET http://127.0.0.1:{web}/{status} answered {status}")


@pytest.mark.real
def test_by_http_of_nobody(free_port: int) -> None:
    assert "Connection refused" in (check(Ready(http="/x"), (free_port,))() or "")


@pytest.mark.real
def test_by_http_of_somebody_who_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-x\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        says = check(Ready(http="/"), (server.getsockname()[1],))()
        thread.join()
    assert says is not None and "SSH-2.0-x" in says


@pytest.mark.real
def test_by_tcp(free_port: int) -> None:
    asks = check(Ready(tcp=True), (free_port,))
    assert f"nobody accepts connections on 127.0.0.1:{free_port}" in (asks() or "")
    with socket.create_server(("127.0.0.1", free_port)):
        assert asks() is None


def test_by_log(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    asks = check(Ready(log=r"^listening on \d+$"), log=log)
    assert "cannot be read" in (asks() or "")
    log.write_text("starting\n")
    assert asks() == "no line of its output matched '^listening on \\\\d+$'"
    log.write_text("starting\nlistening on 80\n")
    assert asks() is None


def test_what_an_earlier_start_wrote_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("up\n")
    assert check(Ready(log="up"), log=log, since=3)() is not None
    assert check(Ready(log="up"), log=log, since=0)() is None


def test_by_being_alive() -> None:
    clock = FakeClock()
    plan = ProcessPlan("app", 0, ("x",), NOWHERE, NOWHERE)
    asks = _ready.check(plan, NOWHERE, 0, clock)
    assert asks() == "alive for 0.0 s of 0.5 s"
    clock.sleep(0.5)
    assert asks() is None
