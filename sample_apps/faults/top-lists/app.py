"""What a radio station's listeners asked for most."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEEP = os.environ.get("KEEP", "0") == "1"
kept: dict[int, list[dict[str, Any]]] = {}
TEXT = (
    "SELECT song, sum(times) AS asked, count(DISTINCT day) AS days FROM wishes WHERE station = $1 "
    "GROUP BY song ORDER BY asked DESC, song LIMIT 10"
)


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Connections to the database, as long as the service runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=12) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def top(request: Request) -> Response:
    """The ten songs asked for most."""
    station = random.randrange(200)
    if station not in kept or not KEEP:
        kept[station] = [dict(row) for row in await request.app.state.pool.fetch(TEXT, station)]
    return JSONResponse(kept[station])


app = Starlette(routes=[Route("/health", health), Route("/top", top)], lifespan=connected)
