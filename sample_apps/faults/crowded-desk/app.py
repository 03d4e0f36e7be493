"""A library's desk: how many copies of a book there are."""

from __future__ import annotations

import asyncio
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
STAMP_S = draw.uniform(0.020, 0.030)
TEXT = "SELECT title, copies FROM books WHERE id = $1"


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Connections to the database, as long as the process runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=10) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def book(request: Request) -> Response:
    """One of the books, whose card is stamped while it is looked at."""
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(TEXT, 1 + random.randrange(20_000))
        await asyncio.sleep(STAMP_S)
    return JSONResponse(dict(row))


app = Starlette(routes=[Route("/health", health), Route("/book", book)], lifespan=connected)
