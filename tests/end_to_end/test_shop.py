"""The sample shop does what its routes promise, and stays within its memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from sample_apps.shop import catalog, orders, seed
from sample_apps.shop.app import build
from sample_apps.shop.model import GUEST, User
from sample_apps.shop.pricing import price, tax_bp
from sample_apps.shop.settings import Settings
from sample_apps.shop.storage import MemoryTable, open_storage


class Shop:
    """Calls the application as a server would, without one."""

    def __init__(self) -> None:
        self.app = build(Settings(products=40, users=10))

    def __call__(
        self, verb: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers of the answer."""
        path, _, query = path.partition("?")
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        text = b"".join(message.get("body", b"") for message in sent)
        got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        parsed = json.loads(text) if got.get("content-type") == "application/json" else text.decode()
        return sent[0]["status"], parsed, got


@pytest.fixture
def shop() -> Shop:
    """A small shop."""
    return Shop()


def test_a_purchase_from_login_to_payment(shop: Shop) -> None:
    _, token, _ = shop("POST", "/login", {"user": "user3"})
    assert shop("GET", "/profile", headers={"authorization": token["token"]})[1]["id"] == 3
    wanted = shop("GET", "/catalog")[1]["items"][0]
    status, order, _ = shop("POST", "/orders", {"user": 3, "items": [{"id": wanted["id"], "quantity": 2}]})
    assert status == 201
    assert shop("GET", f"/orders/{order['id']}")[1]["paid"] is False
    status, paid, _ = shop("POST", "/payments", {"order": order["id"]})
    assert (status, paid["amount"]) == (201, order["total"])
    assert shop("POST", "/payments", {"order": order["id"]})[1] == paid
    assert shop("GET", f"/orders/{order['id']}")[1]["paid"] is True


def test_a_counter_counts_in_one_process_only(shop: Shop) -> None:
    counted = [each("GET", "/visits")[1]["visits"] for each in (shop, shop, Shop())]
    assert counted == [1, 2, 1]


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("GET", "/catalog/999", None, 404),
        ("GET", "/catalog?page=0", None, 422),
        ("GET", "/catalog?most=x", None, 422),
        ("GET", "/users/99", None, 404),
        ("GET", "/users/nobody", None, 404),
        ("GET", "/profile", None, 401),
        ("GET", "/orders/none", None, 404),
        ("POST", "/login", b"{", 400),
        ("POST", "/login", [], 422),
        ("POST", "/login", {}, 404),
        ("POST", "/orders", {"user": 1, "items": []}, 422),
        ("POST", "/orders", {"user": 1, "items": [{"id": 1, "quantity": 0}]}, 422),
        ("POST", "/orders", {"user": 1, "items": [{"id": 999}]}, 404),
        ("POST", "/payments", {"order": "none"}, 404),
    ],
)
def test_what_the_shop_refuses(shop: Shop, verb: str, path: str, body: object, status: int) -> None:
    got, answer, _ = shop(verb, path, body)
    assert got == status
    assert answer["error"]


def test_the_catalog_is_signed_and_paged(shop: Shop) -> None:
    _, first, headers = shop("GET", "/catalog")
    _, second, _ = shop("GET", "/catalog?page=2")
    assert len(headers["x-signature"]) == 64
    assert first["found"] == second["found"] == len(first["items"]) + len(second["items"])
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}


def test_what_is_asked_for_comes_first_misspelt_or_not() -> None:
    for text in ("trail shoe", "trial shoes"):
        best = catalog.offers(seed.products(200), catalog.Query(text), GUEST)[0].product
        assert "shoe" in best.title


def test_filters_hold() -> None:
    found = catalog.offers(seed.products(200), catalog.Query("lamp", category="books", most_cents=9000), GUEST)
    assert found
    assert all(offer.product.category == "books" and offer.price.gross_cents <= 9000 for offer in found)
    assert all(offer.product.available for offer in found)


@pytest.mark.parametrize(
    ("country", "category", "rate"),
    [("DE", "books", 700), ("DE", "gear", 1900), ("CH", "shoes", 810), ("DK", "books", 2500)],
)
def test_tax_is_that_of_the_country(country: str, category: str, rate: int) -> None:
    assert tax_bp(country, category) == rate


def test_gold_costs_less_than_guest() -> None:
    product = seed.products(1)[0]
    gold = User(1, "user1", "DE", "gold")
    assert price(product, gold).gross_cents < price(product, GUEST).gross_cents


def test_every_process_has_the_same_goods() -> None:
    assert seed.products(30) == seed.products(30)
    assert seed.users(30) == seed.users(30)


def test_memory_stays_bounded() -> None:
    async def fill() -> tuple[int, ...]:
        table: MemoryTable[int, int] = MemoryTable(capacity=3)
        for number in range(10):
            await table.put(number, number)
        return await table.all()

    assert asyncio.run(fill()) == (7, 8, 9)


def test_an_order_has_a_reasonable_size() -> None:
    storage = open_storage(Settings(products=5))
    with pytest.raises(orders.Refused, match="1 to 50"):
        asyncio.run(orders.place(storage, GUEST, [{"id": 1}] * 51))


def test_unknown_storage_is_told() -> None:
    with pytest.raises(ValueError, match="known: memory"):
        open_storage(Settings.from_environment({"SHOP_STORAGE": "tape://drive0"}))
