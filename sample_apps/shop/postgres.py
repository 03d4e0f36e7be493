"""The shop's data in PostgreSQL: written to a primary, read from its replicas, divided among shards by the customer.

DATABASE_URL is one address, or one for each shard, commas between; DATABASE_REPLICA_URLS are the only shard's replicas.
A replica may not have yet what was just written: what is not found there is asked of the primary.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import asyncpg

from .model import Line, Order, Payment, User
from .seed import initial
from .settings import Settings

Row = Mapping[str, Any]


class Rows(Protocol):
    """What is asked of a server."""

    async def fetch(self, text: str, *values: Any) -> Sequence[Row]:
        """The rows of a statement."""
        ...

    async def close(self) -> None:
        """Gives the connections back."""
        ...


class Server:
    """One server, reached through a pool that opens with the first question: only then there is an event loop."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._connections = connections
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, text: str, *values: Any) -> Sequence[Row]:
        """The rows of a statement."""
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._connections)
        rows: Sequence[Row] = await self._pool.fetch(text, *values)
        return rows

    async def close(self) -> None:
        """Gives the connections back."""
        if self._pool is not None:
            await self._pool.close()


class Shard:
    """A primary and its replicas, which are read from in turn."""

    def __init__(self, primary: Rows, replicas: Sequence[Rows] = ()) -> None:
        self.primary = primary
        self._servers = (primary, *replicas)
        self._turn = itertools.cycle(replicas or (primary,))

    async def read(self, text: str, *values: Any) -> Sequence[Row]:
        """From a replica, where there is one; from the primary what it does not have yet."""
        server = next(self._turn)
        rows = await server.fetch(text, *values)
        return rows if rows or server is self.primary else await self.primary.fetch(text, *values)

    async def write(self, text: str, *values: Any) -> Sequence[Row]:
        """To the primary."""
        return await self.primary.fetch(text, *values)

    async def close(self) -> None:
        """Gives the connections back."""
        for server in self._servers:
            await server.close()


class Shards:
    """All of them. A customer's data are where the first letter of the name says: with two, A to M and N to Z."""

    def __init__(self, shards: Sequence[Shard], popular: bool = False) -> None:
        self._shards = tuple(shards)
        self._popular = popular

    def of(self, user: int) -> Shard:
        """The one with this customer's data."""
        letter = ord(initial(user, popular=self._popular)) - ord("A")
        return self._shards[letter * len(self._shards) // 26]

    async def find(self, text: str, *values: Any) -> Sequence[Row]:
        """Where nobody knows which shard: one after the other."""
        for shard in self._shards:
            rows = await shard.read(text, *values)
            if rows:
                return rows
        return ()

    async def everywhere(self, text: str) -> Sequence[Row]:
        """The rows of all shards."""
        return [row for shard in self._shards for row in await shard.read(text)]

    async def close(self) -> None:
        """Gives the connections back."""
        for shard in self._shards:
            await shard.close()


def open_shards(settings: Settings) -> Shards:
    """As the settings say. Nothing is connected yet."""
    urls = [each for each in settings.database_url.split(",") if each]
    copies = [each for each in settings.replica_urls.split(",") if each] if len(urls) == 1 else []
    replicas = [Server(each, settings.connections) for each in copies]
    return Shards([Shard(Server(each, settings.connections), replicas) for each in urls], settings.popular)


class Users:
    """Table `users`."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def get(self, key: int) -> User | None:
        """The user, or None."""
        rows = await self._shards.of(key).read("SELECT id, name, country, tier FROM users WHERE id = $1", key)
        return User(**rows[0]) if rows else None

    async def put(self, key: int, value: User) -> None:
        """Adds or replaces a user."""
        text = (
            "INSERT INTO users (id, name, country, tier) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (id) DO UPDATE SET name = $2, country = $3, tier = $4"
        )
        await self._shards.of(key).write(text, key, value.name, value.country, value.tier)

    async def all(self) -> tuple[User, ...]:
        """Every user."""
        rows = await self._shards.everywhere("SELECT id, name, country, tier FROM users ORDER BY id")
        return tuple(User(**row) for row in rows)


class Orders:
    """Tables `orders` and `lines`; with the customer's, wherever those are."""

    TEXT = (
        "SELECT orders.id, buyer, product, quantity, gross_cents FROM orders JOIN lines ON lines.of = orders.id "
        "WHERE orders.id = $1"
    )

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def get(self, key: str) -> Order | None:
        """The order, or None."""
        rows = await self._shards.find(self.TEXT, key)
        lines = tuple(Line(row["product"], row["quantity"], row["gross_cents"]) for row in rows)
        return Order(key, rows[0]["buyer"], lines) if rows else None

    async def put(self, key: str, value: Order) -> None:
        """Adds an order with its lines: one statement, all or nothing."""
        text = (
            "WITH placed AS (INSERT INTO orders (id, buyer) VALUES ($1, $2)) INSERT INTO lines "
            "SELECT $1, * FROM unnest($3::integer[], $4::integer[], $5::integer[])"
        )
        columns = zip(*((each.product, each.quantity, each.gross_cents) for each in value.lines), strict=True)
        await self._shards.of(value.user).write(text, key, value.user, *map(list, columns))

    async def all(self) -> tuple[Order, ...]:
        """Every order."""
        rows = await self._shards.everywhere("SELECT id FROM orders")
        found = [await self.get(row["id"]) for row in rows]
        return tuple(each for each in found if each is not None)

    async def bought(self, user: int) -> dict[int, int]:
        """Product -> pieces, over all orders of a customer."""
        text = (
            "SELECT product, sum(quantity) AS pieces FROM orders JOIN lines ON lines.of = orders.id "
            "WHERE buyer = $1 GROUP BY product ORDER BY pieces DESC, product LIMIT 20"
        )
        rows = await self._shards.of(user).read(text, user)
        return {row["product"]: row["pieces"] for row in rows}


class Payments:
    """Table `payments`, keyed by order; kept in the first shard that has the order."""

    def __init__(self, shards: Shards, orders: Orders) -> None:
        self._shards = shards
        self._orders = orders

    async def get(self, key: str) -> Payment | None:
        """The payment of an order, or None."""
        rows = await self._shards.find('SELECT id, "order", amount_cents FROM payments WHERE "order" = $1', key)
        return Payment(**rows[0]) if rows else None

    async def put(self, key: str, value: Payment) -> None:
        """Adds a payment; of an order that is paid already the first one stays."""
        order = await self._orders.get(key)
        text = 'INSERT INTO payments (id, "order", amount_cents) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING'
        await self._shards.of(order.user if order else 0).write(text, value.id, key, value.amount_cents)

    async def all(self) -> tuple[Payment, ...]:
        """Every payment."""
        rows = await self._shards.everywhere('SELECT id, "order", amount_cents FROM payments')
        return tuple(Payment(**row) for row in rows)
