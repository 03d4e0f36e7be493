"""Pages that were rendered once and are kept for a while, where every process finds them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

from .memcached import Memcached

LASTS_S = 5
"""A price that changes may be seen that late."""

CONNECTIONS = 50
"""To the server, of each process: one that computes on one core has no use for more."""


class Store(Protocol):
    """Bytes by key."""

    async def get(self, key: str) -> bytes | None:
        """The page, or None."""
        ...

    async def put(self, key: str, page: bytes) -> None:
        """Keeps a page for LASTS_S."""
        ...


class Pages:
    """What is not kept is rendered once at a time: all who ask for a page in the moment it expires get the one that
    the first of them has begun. Each would else render one, and those that come meanwhile as well. Without a store
    everybody renders."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._begun: dict[str, asyncio.Future[bytes]] = {}

    async def page(self, key: str, render: Callable[[], Awaitable[bytes]]) -> bytes:
        """From the store, or what `render` makes; raises what that raises, for all who wait for it."""
        if self._store is None:
            return await render()
        found = await self._store.get(key)
        if found is not None:
            return found
        begun = self._begun.get(key)
        if begun is None:
            begun = self._begun[key] = asyncio.ensure_future(self._render(self._store, key, render))
            begun.add_done_callback(lambda _: self._begun.pop(key))
        # Who leaves takes nothing from the others.
        return await asyncio.shield(begun)

    async def _render(self, store: Store, key: str, render: Callable[[], Awaitable[bytes]]) -> bytes:
        page = await render()
        await store.put(key, page)
        return page


class MemoryPages:
    """In this process, as long as it lives: what is asked for again too late is rendered anew, what nobody asks for
    again stays. The simplest cache there is, and one more copy of it in every process."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[float, bytes]] = {}

    async def get(self, key: str) -> bytes | None:
        """The page, or None."""
        until, page = self._pages.get(key, (0.0, b""))
        return page if time.monotonic() < until else None

    async def put(self, key: str, page: bytes) -> None:
        """Keeps a page: for LASTS_S it is fresh."""
        self._pages[key] = (time.monotonic() + LASTS_S, page)


class RedisPages:
    """In a Redis or Valkey."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis

        # Who finds no connection free waits for one: the default pool refuses instead, in the very moment of a crowd.
        self._redis = Redis(
            connection_pool=BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=None)
        )

    async def get(self, key: str) -> bytes | None:
        """The page, or None."""
        found: bytes | None = await self._redis.get(f"page:{key}")
        return found

    async def put(self, key: str, page: bytes) -> None:
        """Keeps a page for LASTS_S."""
        await self._redis.set(f"page:{key}", page, ex=LASTS_S)


class MemcachedPages:
    """In a memcached."""

    def __init__(self, host: str, port: int) -> None:
        self._memcached = Memcached(host, port)

    async def get(self, key: str) -> bytes | None:
        """The page, or None."""
        return await self._memcached.get(f"page:{key}")

    async def put(self, key: str, page: bytes) -> None:
        """Keeps a page for LASTS_S."""
        await self._memcached.put(f"page:{key}", page, LASTS_S)


def open_pages(url: str) -> Pages:
    """Kept in what SHOP_CACHE names. Raises ValueError for something that is not known."""
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return Pages(None)
        case "memory":
            return Pages(MemoryPages())
        case "redis":
            return Pages(RedisPages(url))
        case "memcached":
            return Pages(MemcachedPages(parts.hostname or "127.0.0.1", parts.port or 11211))
    raise ValueError(f"SHOP_CACHE={url!r}: unknown cache {parts.scheme!r} (known: memory, redis, memcached)")
