"""The shop's chat: through a balancer with upgraded connections, visitors stay on one server, and move when it dies."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.services.conftest import Launcher, launching, until

__all__ = ["launching"]

SAMPLES = Path(__file__).resolve().parents[2] / "sample_apps"
APP = {
    "name": "app",
    "instances": 2,
    "command": [sys.executable, "-m", "uvicorn", "shop.app:app", "--port", "{port}", "--no-access-log"],
    "ready": {"http": "/health"},
}
BALANCERS: list[dict[str, Any]] = [
    {"uses": "nginx", "with": {"upstream": "app", "hash": "$arg_user", "websocket": True}},
    {"uses": "haproxy", "with": {"upstream": "app", "settings": {"backend": {"balance": "url_param user"}}}},
]


def served_by(socket: ClientConnection) -> int:
    """The first message."""
    return int(json.loads(socket.recv(5))["server"])


@pytest.mark.real
@pytest.mark.parametrize("balancer", BALANCERS, ids=["nginx", "haproxy"])
def test_a_visitor_stays_on_a_server_and_moves_when_it_dies(launching: Launcher, balancer: dict[str, Any]) -> None:
    with launching(APP, {"name": "lb"} | balancer, folder=SAMPLES) as run:
        url = run.running.url("lb").replace("http", "ws") + "/chat?user="
        homes = {}
        for name in "abcdefgh":
            with connect(url + name) as first, connect(url + name) as again:
                homes[name] = served_by(first)
                assert served_by(again) == homes[name]
                first.send("hello")
                assert json.loads(again.recv(5)) == {"from": name, "text": "hello"}
        assert len(set(homes.values())) == 2
        with connect(url + "a") as socket:
            assert served_by(socket) == homes["a"]
            os.kill(homes["a"], 9)
            with pytest.raises(ConnectionClosed):
                socket.recv(5)

        def elsewhere() -> bool:
            try:
                with connect(url + "a") as socket:
                    return served_by(socket) != homes["a"]
            except InvalidStatus:
                return False

        assert until(elsewhere)
