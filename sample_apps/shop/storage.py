"""Where data is kept. Tables are reached through `await`, so that a server can take the place of this process's memory.

Memory is not shared: with several processes each has orders and sessions of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from . import remote
from .memory import MemoryTable
from .model import Order, Payment, Product, User
from .seed import products, users
from .sessions import open_sessions
from .settings import Settings

K_contra = TypeVar("K_contra", contravariant=True)
V = TypeVar("V")


class Table(Protocol[K_contra, V]):
    """Values by key."""

    async def get(self, key: K_contra) -> V | None:
        """The value, or None."""
        ...

    async def put(self, key: K_contra, value: V) -> None:
        """Adds or replaces a value."""
        ...

    async def all(self) -> tuple[V, ...]:
        """Every value, in the order they were first put."""
        ...


class OrderTable(Table[str, Order], Protocol):
    """Orders, and what follows from all of a user's."""

    async def bought(self, user: int) -> dict[int, int]:
        """Product -> pieces, over all orders of a user, those with most pieces first."""
        ...


class MemoryOrders(MemoryTable[str, Order]):
    """Orders in this process."""

    async def bought(self, user: int) -> dict[int, int]:
        """Product -> pieces, over all orders of a user, those with most pieces first."""
        pieces: Counter[int] = Counter()
        for order in await self.all():
            for line in order.lines if order.user == user else ():
                pieces[line.product] += line.quantity
        return dict(pieces.most_common(20))


async def _nothing() -> None:
    """Memory has nothing to give back."""


@dataclass(frozen=True)
class Storage:
    """All tables of the shop. `payments` is keyed by order: an order is paid once."""

    products: Table[int, Product]
    users: Table[int, User]
    orders: OrderTable
    payments: Table[str, Payment]
    sessions: Table[str, int]
    close: Callable[[], Awaitable[None]] = _nothing
    """Gives back what the tables hold open."""


def open_storage(settings: Settings) -> Storage:
    """The storage `settings.storage_url` names. Raises ValueError for one that is not known."""
    scheme = urlsplit(settings.storage_url).scheme
    if scheme != "memory":
        raise ValueError(f"SHOP_STORAGE={settings.storage_url!r}: unknown storage {scheme!r} (known: memory://)")
    memory = Storage(
        products=MemoryTable({product.id: product for product in products(settings.products)}),
        users=_users(settings),
        orders=_orders(settings),
        payments=MemoryTable(capacity=2000),
        sessions=open_sessions(settings.sessions_url),
    )
    return _in_database(memory, settings) if settings.database_url else memory


def _in_database(memory: Storage, settings: Settings) -> Storage:
    """Users, orders and payments in PostgreSQL; what is never written, or forgotten with a process, stays here."""
    from . import postgres  # its driver is only needed with a database

    shards = postgres.open_shards(settings)
    orders = postgres.Orders(shards)
    payments = postgres.Payments(shards, orders)
    return replace(memory, users=postgres.Users(shards), orders=orders, payments=payments, close=shards.close)


def _users(settings: Settings) -> Table[int, User]:
    if "users" in settings.elsewhere:
        return remote.RemoteTable(settings.elsewhere["users"], "users", remote.user)
    return MemoryTable({user.id: user for user in users(settings.users)})


def _orders(settings: Settings) -> OrderTable:
    if "orders" in settings.elsewhere:
        return remote.Orders(settings.elsewhere["orders"])
    return MemoryOrders(capacity=2000)
