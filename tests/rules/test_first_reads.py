"""TLS handshakes that nobody asked for: the first read of a connection makes them, as in gunicorn."""

from __future__ import annotations

import pytest

from loadlab.catalogue import units
from loadlab.diagnosis.apply import ask
from loadlab.recording.model import Frame, Stacks
from loadlab.rules import Clear, Found, Verdict
from loadlab.signals import Signals
from tests.build import Builder, Proc

READS = Frame("SSLSocket.read", "/usr/lib/python3.11/ssl.py", 1167)
RENDERS = Frame("render", "/srv/app/views.py", 20)
CASES = [
    ({READS: 240, RENDERS: 40}, 200.0, Found, "most of what it does"),
    ({READS: 40, RENDERS: 250}, 200.0, Clear, "the CPU goes elsewhere, and reads wait for the other end"),
    ({READS: 240, RENDERS: 40}, 10.0, Clear, "reads of connections that are kept"),
]


@pytest.mark.parametrize(("looks", "connects", "expected", "why"), CASES, ids=[each[3] for each in CASES])
def test_what_first_reads_take(looks: dict[Frame, int], connects: float, expected: type[Verdict], why: str) -> None:
    built = Builder().service("app", Proc(cores=0.97, system=0.1), scheme="https")
    built.load().generator(connects=connects).host()
    run = Frame("SyncWorker.run", "/v/site-packages/gunicorn/workers/sync.py", 120)
    samples = tuple(("MainThread", (run, frame), count) for frame, count in looks.items())
    built.stacks.append(Stacks("app", 0, built.pid, "all", samples))
    found = ask(units("rules")["tls_handshakes"], Signals(built.recording()))
    assert isinstance(found, expected), why
