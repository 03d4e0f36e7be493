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


def test_an_unknown_cache_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown cache 'file' \(known: redis, memcached\)"):
        open_pages("file://x")
