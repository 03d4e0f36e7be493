"""Takes in the readings of a meter, a day of them at a time."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
HOURS = draw.randrange(20, 30)
BULK = os.environ.get("BULK", "0") == "1"
INSERT = "INSERT INTO readings VALUES ($1, $2, $3)"


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Connections to the database, as long as the service runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def day(request: Request) -> Response:
    """A day of readings."""
    meter = random.randrange(10_000)
    rows = [(meter, hour, random.randrange(1000)) for hour in range(HOURS)]
    async with request.app.state.pool.acquire() as connection:
        if BULK:
            await connection.executemany(INSERT, rows)
        else:
            for row in rows:
                await connection.execute(INSERT, *row)
    return JSONResponse({"kept": len(rows)})


app = Starlette(routes=[Route("/health", health), Route("/day", day)], lifespan=connected)
