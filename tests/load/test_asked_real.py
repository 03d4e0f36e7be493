"""Requests of the open model that no greenlet waits for: counted as any other, whatever becomes of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from loadlab.clock import SYSTEM
from loadlab.load._asking import AskingClient
from loadlab.load._book import Book
from tests.load.scripted import CERTIFICATE, Scripted, Serve, Step, close, never, ok, reset, then_close

pytestmark = pytest.mark.real


@dataclass
class Asking:
    """A client, what it counts, and the server it talks to."""

    server: Scripted
    book: Book
    client: AskingClient


Begin = Callable[..., Asking]


@pytest.fixture
def asking(serve: Serve) -> Begin:
    """As `serve`, with a client that asks."""

    def begin(*steps: Step, **options: Any) -> Asking:
        rig = serve(*steps, **options)
        tls, timeout_s = options.get("tls"), options.get("timeout_s", 5.0)
        client = AskingClient(rig.server.url, rig.book, tls=tls, timeout_s=timeout_s)
        return Asking(rig.server, rig.book, client)

    return begin


def asked(rig: Asking, due: float) -> bool:
    """Whether it could be asked, once it is over."""
    over: list[float] = []
    if not rig.client.ask("/", due, lambda: over.append(SYSTEM.monotonic())):
        return False
    assert rig.book.in_flight == 1
    with gevent.Timeout(3.0):
        while not over:
            gevent.sleep(0.001)
    return True


def test_it_needs_a_connection_that_is_there(asking: Begin) -> None:
    rig = asking(ok())
    assert not rig.client.ask("/", SYSTEM.monotonic(), lambda: None)
    assert rig.book.counts.sent == 0


@pytest.mark.parametrize(
    ("then", "succeeded", "errors", "requests"),
    [
        ((ok(),), 2, set(), 2),
        ((ok(status=b"404 Not Found"),), 1, {"HTTP 404"}, 2),
        ((ok(b"", b"Location: /there", status=b"302 Found"), ok()), 2, set(), 3),
        ((ok(b"", b"Set-Cookie: a=b"),), 2, set(), 2),
        ((then_close(ok()),), 2, set(), 2),
        ((close, ok()), 2, set(), 3),
        ((reset, ok()), 2, set(), 3),
        ((then_close(ok()[:-2]),), 1, {"ClosedEarly"}, 2),
        ((b"nonsense\r\n\r\n",), 1, {"BadResponse"}, 2),
        ((never,), 1, {"Timeout"}, 2),
    ],
    ids=["fine", "404", "redirect", "cookie", "last", "closed", "reset", "half", "nonsense", "silence"],
)
def test_it_is_counted_whatever_becomes_of_it(
    asking: Begin, then: tuple[Step, ...], succeeded: int, errors: set[str], requests: int
) -> None:
    rig = asking(ok(), *then, timeout_s=0.3)
    rig.client.get("/")
    due = SYSTEM.monotonic() - 0.02
    assert asked(rig, due)
    interval = rig.book.cut(SYSTEM.monotonic())
    assert (interval.sent, interval.succeeded, interval.failed) == (2, succeeded, 2 - succeeded)
    assert interval.in_flight == 0 and len(rig.server.requests) == requests
    assert {each.error for each in interval.errors} == errors
    assert {each.endpoint for each in interval.endpoints} == {"GET /"}
    late_us = interval.schedule_lag_us[-1]
    assert 20_000 <= late_us < 300_000
    last = interval.endpoints[-1]
    assert last.latency_us[-1] == pytest.approx(last.service_us[-1] + late_us, abs=2)


def test_one_whose_server_closed_meanwhile_is_left_to_a_greenlet(asking: Begin) -> None:
    rig = asking(then_close(ok()), ok())
    rig.client.get("/")
    gevent.sleep(0.05)
    assert not asked(rig, SYSTEM.monotonic())
    assert rig.book.counts.sent == 1


def test_cookies_are_sent_back(asking: Begin) -> None:
    rig = asking(ok(b"", b"Set-Cookie: a=b"), ok())
    rig.client.get("/")
    assert not asked(rig, SYSTEM.monotonic())


def test_over_tls(asking: Begin) -> None:
    rig = asking(ok(), tls=ssl.create_default_context(cafile=str(CERTIFICATE)))
    rig.client.get("/")
    assert asked(rig, SYSTEM.monotonic())
    assert rig.book.counts.succeeded == 2 and rig.book.counts.kernel_stamped >= 1
