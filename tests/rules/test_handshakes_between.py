"""TLS between two services of a system: whoever opens the connections can keep them."""

from __future__ import annotations

from dataclasses import replace

from loadlab.diagnosis.judge import diagnose
from loadlab.recording.model import Entity, Frame, Stacks
from tests.build import Builder, Proc
from tests.rules.test_network_rules import LIBRARY, inside


def asking_over_tls(share: float, setting_up: float) -> Builder:
    """Recorded of a view that asks another service over https by requests.get, with no session."""
    built = Builder().service("api", Proc(cores=0.7, system=0.1))
    connect = ("connect", "/venv/lib/python3.11/site-packages/urllib3/connection.py")
    frames = (Frame("latin", "/srv/api/site_.py", 23), Frame(*connect, 700))
    other = (Frame("latin", "/srv/api/site_.py", 23),)
    samples = (("MainThread", frames, round(1000 * setting_up)), ("MainThread", other, round(1000 * (1 - setting_up))))
    built.stacks.append(Stacks("api", 0, built.pid, "gil", samples))
    built.service("names", Proc(cores=0.97, system=0.1))
    handshake = ("buffer_updated", f"{LIBRARY}/asyncio/sslproto.py", "SSLObject.do_handshake", f"{LIBRARY}/ssl.py")
    inside(built, share * 0.97, *handshake, service="names")
    built.services["api"] = replace(built.services["api"], uses=("names",))
    built.target = "api"
    built.load().generator(connects=1).host(idle=0.1)
    built.counter("host.tcp_active_opens", Entity("host"), 200)
    built.counter("sockets.lingering", Entity("listener", "names", 0), 50)
    return built


def test_whoever_opens_the_connections_is_where_to_keep_them() -> None:
    found = diagnose(asking_over_tls(0.6, 0.3).recording()).bottleneck
    assert found is not None and (found.kind, found.service) == ("tls_handshakes", "api")
    assert found.where is not None and (found.where.function, found.where.line) == ("latin", 23)
    assert found.sentence.startswith("api opens a new TLS connection to names for most requests in latin() at")
    assert found.remedy.step == "keep_alive" and "in api for the life of the process" in found.remedy.text
