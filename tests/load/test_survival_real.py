"""What a generator has to survive: huge bodies, certificates of the past, more connections than it may have."""

from __future__ import annotations

import os
import resource
import socket
import ssl
from pathlib import Path

import pytest

from loadlab.clock import SYSTEM
from loadlab.load._answer import MOST_KEPT
from loadlab.load._book import Book
from loadlab.load._config import LoadConfig
from loadlab.load._driver import start
from loadlab.load.wire import WireClient
from tests.load.scripted import EXPIRED, Scripted, Serve, ok
from tests.load.test_driver_real import Heard

pytestmark = pytest.mark.real

PIECE = b"x" * 1_000_000


def large(megabytes: int) -> object:
    """A body of so many megabytes."""

    def act(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (megabytes * len(PIECE)))
        for _ in range(megabytes):
            connection.sendall(PIECE)

    return act


def most_rss_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def test_a_body_larger_than_memory_should_be_takes_none(serve: Serve) -> None:
    rig = serve(large(300))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = most_rss_bytes()
    answer = rig.client.get("/")
    assert (answer.status_code, answer.size, answer.error) == (200, 300 * len(PIECE), None)
    assert rig.book.counts.bytes_received > 300 * len(PIECE) and rig.law
    assert most_rss_bytes() - before < 3 * MOST_KEPT


def test_a_certificate_that_is_over() -> None:
    server, book = Scripted((ok(),), tls=True, certificate=EXPIRED), Book(SYSTEM.monotonic())
    client = WireClient(server.url, book, tls=ssl.create_default_context(cafile=str(EXPIRED)))
    answer = client.get("/")
    found = book.cut(SYSTEM.monotonic()).errors
    server.stop()
    assert answer.status_code == 0 and server.requests == []
    assert [each.error for each in found] == ["CertificateInvalid"] and "expired" in found[0].sample


def test_a_thousand_users_with_files_for_two_hundred(tmp_path: Path) -> None:
    server, heard = Scripted((ok(),)), Heard()
    config = LoadConfig(server.url, think_s=0.2, log=tmp_path / "log", env=dict(os.environ))
    with start(config, heard, SYSTEM, SYSTEM.monotonic()) as generator:
        resource.prlimit(generator.pids[0], resource.RLIMIT_NOFILE, (256, 256))
        generator.set_users(1000)
        end = SYSTEM.monotonic() + 8
        while heard.total("failed") < 1000 and SYSTEM.monotonic() < end:
            SYSTEM.sleep(0.1)
        generator.check()
        # While users are ended one by one, others take the files that these had.
        connects = heard.total("connects")
    server.stop()
    assert set(heard.errors()) <= {"TooManyOpenFiles", "Stopped"} and heard.errors()["TooManyOpenFiles"] >= 700
    assert heard.total("succeeded") >= 200 and 200 <= connects <= 256
    assert heard.law
