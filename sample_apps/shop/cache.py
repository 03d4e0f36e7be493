"""Pages that were rendered once and are kept for a while, where every process finds them."""

from __future__ import annotations

import time
from typing import Protocol
from urllib.parse import urlsplit

from .memcached import Memcached

LASTS_S = 5
"""A price that changes may be seen that late."""

CONNECTIONS = 50
"""To the server, of each process: one that computes on one core has no use for more."""


class Pages(Protocol):
    """Bytes by key."""

    async def get(self, key: str) -> bytes | None:
        """The page, or None."""
        ...

    async def put(self, key: str, page: bytes) -> None:
        """Keeps a page for LASTS_S."""
        ...


class NoPages:
    """Nothing is kept."""

    async def get(self, key: str) -> bytes | None:  # noqa: ARG002 - as the others
        """Never there."""
        return None

    async def put(self, key: str, page: bytes) -> None:
        """Nothing happens."""


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
    """What SHOP_CACHE names. Raises ValueError for something that is not known."""
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return NoPages()
        case "memory":
            return MemoryPages()
        case "redis":
            return RedisPages(url)
        case "memcached":
            return MemcachedPages(parts.hostname or "127.0.0.1", parts.port or 11211)
    raise ValueError(f"SHOP_CACHE={url!r}: unknown cache {parts.scheme!r} (known: memory, redis, memcached)")
