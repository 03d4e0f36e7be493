"""The shop's cache of pages."""

from __future__ import annotations

import asyncio

import pytest

from sample_apps.shop.cache import open_pages


def test_without_a_cache_nothing_is_kept() -> None:
    async def kept() -> bytes | None:
        pages = open_pages("")
        await pages.put("a", b"page")
        return await pages.get("a")

    assert asyncio.run(kept()) is None


def test_memory_is_this_processs_own() -> None:
    async def seen() -> tuple[bytes | None, bytes | None]:
        one, other = open_pages("memory://"), open_pages("memory://")
        await one.put("a", b"page")
        return await one.get("a"), await other.get("a")

    assert asyncio.run(seen()) == (b"page", None)


def test_an_unknown_cache_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown cache 'file' \(known: memory, redis, memcached\)"):
        open_pages("file://x")
