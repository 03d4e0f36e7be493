"""Where data is kept. Tables are reached through `await`, so that a server can take the place of this process's memory.

Memory is not shared: with several processes each has orders and sessions of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

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


@dataclass(frozen=True)
class Storage:
    """All tables of the shop. `payments` is keyed by order: an order is paid once."""

    products: Table[int, Product]
    users: Table[int, User]
    orders: Table[str, Order]
    payments: Table[str, Payment]
    sessions: Table[str, int]


def open_storage(settings: Settings) -> Storage:
    """The storage `settings.storage_url` names. Raises ValueError for one that is not known."""
    scheme = urlsplit(settings.storage_url).scheme
    if scheme != "memory":
        raise ValueError(f"SHOP_STORAGE={settings.storage_url!r}: unknown storage {scheme!r} (known: memory://)")
    return Storage(
        products=MemoryTable({product.id: product for product in products(settings.products)}),
        users=MemoryTable({user.id: user for user in users(settings.users)}),
        orders=MemoryTable(capacity=2000),
        payments=MemoryTable(capacity=2000),
        sessions=open_sessions(settings.sessions_url),
    )
