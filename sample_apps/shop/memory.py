"""Tables in the memory of this process: fast, gone with it, and unknown to every other process."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class MemoryTable(Generic[K, V]):
    """A table in this process. With a `capacity` the oldest value makes room: memory stays bounded under load."""

    def __init__(self, rows: dict[K, V] | None = None, capacity: int | None = None) -> None:
        self._rows: OrderedDict[K, V] = OrderedDict(rows or {})
        self._capacity = capacity
        self._all: tuple[V, ...] | None = None

    async def get(self, key: K) -> V | None:
        """The value, or None."""
        return self._rows.get(key)

    async def put(self, key: K, value: V) -> None:
        """Adds or replaces a value."""
        self._rows[key] = value
        self._all = None
        if self._capacity is not None and len(self._rows) > self._capacity:
            self._rows.popitem(last=False)

    async def close(self) -> None:
        """Nothing is held."""

    async def all(self) -> tuple[V, ...]:
        """Every value, in the order they were first put."""
        if self._all is None:
            self._all = tuple(self._rows.values())
        return self._all
