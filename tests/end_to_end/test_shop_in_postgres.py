"""The shop's tables in PostgreSQL: which server is asked, and that real ones keep what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sample_apps.shop import postgres
from sample_apps.shop.model import Line, Order, Payment, User
from sample_apps.shop.postgres import Shard, Shards
from sample_apps.shop.seed import initial
from sample_apps.shop.settings import Settings
from sample_apps.shop.storage import open_storage
from tests.services.conftest import Launcher, launching  # noqa: F401 - a fixture

SHOP = Path(postgres.__file__).parent


class Scripted:
    """Answers every question with the same rows, and notes that it was asked."""

    def __init__(self, *rows: Any) -> None:
        self.rows = rows
        self.asked = 0

    async def fetch(self, text: str, *values: Any) -> Sequence[Any]:
        self.asked += 1
        return self.rows

    async def close(self) -> None:
        """Nothing is open."""


def test_replicas_are_read_in_turn_and_the_primary_only_written() -> None:
    primary, first, second = Scripted(), Scripted("row"), Scripted("row")
    shard = Shard(primary, (first, second))
    for _ in range(4):
        assert asyncio.run(shard.read("SELECT")) == ("row",)
    asyncio.run(shard.write("INSERT"))
    assert (primary.asked, first.asked, second.asked) == (1, 2, 2)


def test_what_a_replica_does_not_have_yet_is_asked_of_the_primary() -> None:
    assert asyncio.run(Shard(Scripted("new"), (Scripted(),)).read("SELECT")) == ("new",)


@pytest.mark.parametrize(("popular", "share"), [(False, 0.5), (True, 0.9)])
def test_names_from_a_to_m_are_in_the_first_shard(popular: bool, share: float) -> None:
    first, second = Shard(Scripted()), Shard(Scripted())
    shards = Shards([first, second], popular=popular)
    for user in range(1, 400):
        assert shards.of(user) is (first if initial(user, popular=popular) <= "M" else second)
    assert sum(shards.of(user) is first for user in range(1, 401)) / 400 == pytest.approx(share, abs=0.03)


def test_without_an_address_the_shop_keeps_its_data_itself() -> None:
    storage = open_storage(Settings())
    line = Line(3, 2, 500)
    asyncio.run(storage.orders.put("a", Order("a", 7, (line, Line(4, 1, 100)))))
    asyncio.run(storage.orders.put("b", Order("b", 7, (line,))))
    assert asyncio.run(storage.orders.bought(7)) == {3: 4, 4: 1}


@pytest.mark.real
def test_two_real_shards_keep_orders_where_the_name_says(launching: Launcher) -> None:  # noqa: F811
    def shard(name: str, first: str, last: str) -> dict[str, Any]:
        variables = {"users": 52, "first": first, "last": last, "popular": 0}
        return {"name": name, "uses": "postgres", "with": {"init": "schema.sql", "variables": variables}}

    async def shopping(urls: str) -> None:
        storage = open_storage(Settings(database_url=urls))
        names = [user.name for user in await storage.users.all()]
        assert len(names) == 52 and sorted(names[:26]) == sorted(each for each in names if each[0] <= "M")
        for user in (1, 2):
            assert isinstance(await storage.users.get(user), User)
            order = Order(f"new-{user}", user, (Line(5, 2, 900), Line(6, 1, 100)))
            await storage.orders.put(order.id, order)
            assert await storage.orders.get(order.id) == order
            await storage.payments.put(order.id, Payment("p", order.id, 1000))
            assert await storage.payments.get(order.id) == Payment("p", order.id, 1000)
            assert sum((await storage.orders.bought(user)).values()) > 100
        assert await storage.orders.get("none") is None
        await storage.close()

    with launching(shard("a", "A", "M"), shard("b", "N", "Z"), folder=SHOP) as run:
        asyncio.run(shopping(f"{run.running.url('a')},{run.running.url('b')}"))
