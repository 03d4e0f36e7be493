"""Files that users send to the shop: on one server's disk, or where every server sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sample_apps.shop.uploads import Uploads, open_uploads
from tests.services.conftest import Launcher, launching

__all__ = ["launching"]


async def through(one: Uploads, other: Uploads) -> tuple[bytes | None, bytes | None]:
    """(what the other has of a file that one keeps, of one that nobody sent)."""
    await one.put("picture-7", b"old")
    await one.put("picture-7", b"new")
    return await other.get("picture-7"), await other.get("picture-8")


def test_a_disk_of_ones_own_is_not_shared(tmp_path: Path) -> None:
    one, other = open_uploads(f"file://{tmp_path}/a"), open_uploads(f"file://{tmp_path}/b")
    assert asyncio.run(through(one, one)) == (b"new", None)
    assert asyncio.run(through(one, other)) == (None, None)
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["picture-7"]


def test_an_unknown_store_names_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"unknown store 'ftp' \(known: file, s3\)"):
        open_uploads("ftp://files")


@pytest.mark.real
def test_a_store_that_speaks_s3_is_shared(launching: Launcher) -> None:
    service: dict[str, Any] = {
        "name": "bucket",
        "command": ["{python}", "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"],
        "ready": {"http": "/moto-api/"},
    }
    with launching(service) as run:
        url = run.running.url("bucket").replace("http://", "s3://") + "/pictures"
        assert asyncio.run(through(open_uploads(url), open_uploads(url))) == (b"new", None)
