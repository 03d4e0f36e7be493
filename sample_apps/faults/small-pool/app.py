"""Orders: kept, paid at the bank, and settled, all or nothing."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from calls import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "0")) or draw.randrange(3, 6)
bank = Client("127.0.0.1", int(os.environ["BANK_PORT"]))


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """Connections to the database, as long as the service runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=CONNECTIONS) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def order(request: Request) -> Response:
    """A new order, paid."""
    buyer, cents = random.randrange(10_000), random.randrange(100, 20_000)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        number = await connection.fetchval(
            "INSERT INTO orders (buyer, cents) VALUES ($1, $2) RETURNING id", buyer, cents
        )
        receipt = (await bank.get(f"/pay/{cents}"))["receipt"]
        await connection.execute("UPDATE orders SET receipt = $2 WHERE id = $1", number, receipt)
    return JSONResponse({"order": number, "receipt": receipt})


app = Starlette(routes=[Route("/health", health), Route("/order", order)], lifespan=connected)
