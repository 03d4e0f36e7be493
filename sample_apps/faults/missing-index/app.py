"""A carrier's customers look where their parcels are."""

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

CUSTOMERS = 6000


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """A few connections to the database, as long as the service runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=12) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def parcels(request: Request) -> Response:
    """?customer= -> their latest parcels; without it, somebody's."""
    customer = int(request.query_params.get("customer") or random.randrange(CUSTOMERS))
    rows = await request.app.state.pool.fetch(
        "SELECT id, depot, weight_g, sent FROM parcels WHERE customer = $1 ORDER BY sent DESC LIMIT 20", customer
    )
    return JSONResponse([{"id": row["id"], "depot": row["depot"], "sent": row["sent"].isoformat()} for row in rows])


app = Starlette(routes=[Route("/health", health), Route("/parcels", parcels)], lifespan=connected)
