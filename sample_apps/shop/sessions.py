"""Sessions: who is logged in. In this process's memory, or where every process sees them."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from .memcached import Memcached
from .memory import MemoryTable

LASTS_S = 3600
MOST = 5000
"""Sessions kept in memory: it stays bounded under load."""


class Sessions(Protocol):
    """Users by token."""

    async def get(self, key: str) -> int | None:
        """The user, or None."""
        ...

    async def put(self, key: str, value: int) -> None:
        """Remembers a user."""
        ...

    async def close(self) -> None:
        """Gives back what it holds."""
        ...


class RedisSessions:
    """Sessions in a Redis or Valkey. The client is made at the first use, in the loop that serves."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis

        self._redis = Redis.from_url(url)

    async def get(self, key: str) -> int | None:
        """The user, or None."""
        found = await self._redis.get(f"session:{key}")
        return None if found is None else int(found)

    async def put(self, key: str, value: int) -> None:
        """Remembers a user for an hour."""
        await self._redis.set(f"session:{key}", value, ex=LASTS_S)

    async def close(self) -> None:
        """Gives the connections back."""
        await self._redis.aclose()


class MemcachedSessions:
    """Sessions in a memcached."""

    def __init__(self, host: str, port: int) -> None:
        self._memcached = Memcached(host, port)

    async def get(self, key: str) -> int | None:
        """The user, or None."""
        found = await self._memcached.get(f"session:{key}")
        return None if found is None else int(found)

    async def put(self, key: str, value: int) -> None:
        """Remembers a user for an hour."""
        await self._memcached.put(f"session:{key}", str(value).encode(), LASTS_S)

    async def close(self) -> None:
        """Gives the connections back."""
        await self._memcached.close()


def open_sessions(url: str) -> Sessions:
    """The store that SHOP_SESSIONS names. Raises ValueError for one that is not known."""
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            return MemoryTable[str, int](capacity=MOST)
        case "redis":
            return RedisSessions(url)
        case "memcached":
            return MemcachedSessions(parts.hostname or "127.0.0.1", parts.port or 11211)
    raise ValueError(f"SHOP_SESSIONS={url!r}: unknown store {parts.scheme!r} (known: memory, redis, memcached)")
