"""The shop in parts: which routes a part has, what it asks the others, what it tells the queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sample_apps.shop.app import ROUTES, build, routes
from sample_apps.shop.calls import Client
from sample_apps.shop.events import NoEvents, open_events
from sample_apps.shop.model import GUEST, User
from sample_apps.shop.notifications import letter
from sample_apps.shop.passwords import Passwords
from sample_apps.shop.remote import RemoteTable, order, user
from sample_apps.shop.settings import Settings


def test_a_part_has_its_routes_and_its_health() -> None:
    assert {each.path for each in routes(("auth",))} == {"/health", "/login", "/profile"}
    assert {each.path for each in routes(("orders", "payments"))} == {
        "/health", "/orders", "/orders/{id}", "/payments", "/users/{id}/bought",
    }  # fmt: skip
    assert routes(()) == ROUTES


def test_an_unknown_part_or_queue_is_refused() -> None:
    with pytest.raises(ValueError, match="no mail"):
        build(Settings(serves=("mail",)))
    with pytest.raises(ValueError, match="unknown queue 'kafka'"):
        open_events("kafka://x")
    assert isinstance(open_events("memory://"), NoEvents)


def test_where_the_parts_are_is_read_from_the_environment() -> None:
    environment = {"SHOP_SERVES": "auth", "SHOP_ELSEWHERE": "users=http://127.0.0.1:1 orders=http://127.0.0.1:2"}
    settings = Settings.from_environment(environment)
    assert settings.serves == ("auth",)
    assert settings.elsewhere == {"users": "http://127.0.0.1:1", "orders": "http://127.0.0.1:2"}


def test_a_password_is_the_name_where_one_is_asked_for() -> None:
    seven = User(7, "user7", "DE", "guest")
    assert Passwords(0).verify(seven, "anything")
    asked = Passwords(2)
    assert asked.verify(seven, "user7") and not asked.verify(seven, "user8")


def test_letters() -> None:
    assert "42 cents for order a" in letter({"kind": "paid", "order": "a", "cents": 42})
    with pytest.raises(KeyError):
        letter({"kind": "broken"})


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[str]:
    """A server that gives these answers, one a request, then hangs up."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(left.pop(0))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def http(status: int, body: object) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


@pytest.mark.real
def test_a_table_of_another_service() -> None:
    found = {"id": 7, "name": "user7", "country": "DE", "tier": "gold"}
    line = {"product": 3, "quantity": 1, "gross_cents": 9}

    async def ask() -> None:
        async with answering(http(200, found), http(404, {}), http(500, {}), b"HTTP/1.1 200 x\r\n") as url:
            table: RemoteTable[int, User] = RemoteTable(url, "users", user)
            assert await table.get(7) == User(7, "user7", "DE", "gold")
            assert await table.get(8) is None
            with pytest.raises(ConnectionError, match="answered 500"):
                await table.get(9)
            with pytest.raises(ConnectionError, match="hung up"):
                await table.get(10)
            with pytest.raises(PermissionError):
                await table.put(7, GUEST)
        async with answering(http(200, {"id": "a", "user": 7, "lines": [line], "total": 9})) as url:
            answer = await Client(url).get("/orders/a")
            assert answer is not None and order(answer).total_cents == 9

    asyncio.run(ask())
