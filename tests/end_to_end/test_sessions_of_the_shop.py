"""The shop's sessions: the same whatever store keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sample_apps.shop.sessions import open_sessions
from tests.services.conftest import Launcher, launching

__all__ = ["launching"]


async def round_trip(url: str) -> tuple[int | None, int | None]:
    """(a user remembered, one nobody put) through two stores at the same address, as two instances have them."""
    one, other = open_sessions(url), open_sessions(url)
    await one.put("abc", 7)
    found = await other.get("abc"), await other.get("nobody")
    await one.close()
    await other.close()
    return found


def test_memory_is_not_shared() -> None:
    assert asyncio.run(round_trip("memory://")) == (None, None)


def test_an_unknown_store_names_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"unknown store 'cookie' \(known: memory, redis, memcached\)"):
        open_sessions("cookie://")


@pytest.mark.real
@pytest.mark.parametrize("uses", ["redis", "memcached"])
def test_a_server_is_shared(launching: Launcher, uses: str) -> None:
    service: dict[str, Any] = {"name": "sessions", "uses": uses}
    with launching(service) as run:
        assert asyncio.run(round_trip(run.running.url("sessions"))) == (7, None)
