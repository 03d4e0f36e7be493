"""Tables that another service of the shop keeps: reading is a call, writing is that service's own business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .calls import Client
from .model import Line, Order, User

K = TypeVar("K")
V = TypeVar("V")


class RemoteTable(Generic[K, V]):
    """What GET {url}/{path}/{key} answers, made into a value."""

    def __init__(self, url: str, path: str, make: Callable[[dict[str, Any]], V]) -> None:
        self._client = Client(url)
        self._path = path
        self._make = make

    async def get(self, key: K) -> V | None:
        """The value, or None. Raises OSError where the other service fails."""
        found = await self._client.get(f"/{self._path}/{key}")
        return None if found is None else self._make(found)

    async def put(self, key: K, value: V) -> None:  # noqa: ARG002 - as any table
        """Raises PermissionError: whoever keeps a table writes it."""
        raise PermissionError(f"{self._path} are kept by another service")

    async def all(self) -> tuple[V, ...]:
        """Raises PermissionError: nobody asks another service for everything it has."""
        raise PermissionError(f"{self._path} are kept by another service")


class Orders(RemoteTable[str, Order]):
    """Orders that another service keeps."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "orders", order)

    async def bought(self, user: int) -> dict[int, int]:
        """Raises PermissionError: only whoever keeps the orders can count them."""
        raise PermissionError(f"what user {user} bought is known to another service")


def user(found: dict[str, Any]) -> User:
    """As GET /users/{id} answers."""
    return User(found["id"], found["name"], found["country"], found["tier"])


def order(found: dict[str, Any]) -> Order:
    """As GET /orders/{id} answers."""
    return Order(found["id"], found["user"], tuple(Line(**each) for each in found["lines"]))
