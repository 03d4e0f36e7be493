"""A lost property office. GET /found notes an umbrella, and answers with its shelf as readers see it, once it is there.

Notes go to the primary, the shelf is read at the replica. What lies where today is counted anew every moment, and now
and then drawn as a plan, by a plotter that takes its time.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, HTTPException
from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PLOT_S = draw.uniform(5.0, 7.0)
COUNT_S = draw.uniform(0.3, 0.6)
SHELVES = draw.randrange(30, 60)
LOOK_S = 0.02
PATIENCE_S = 20.0
notes = AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=40, open=False)
shelves = AsyncConnectionPool(os.environ["REPLICA_URL"], min_size=4, max_size=40, open=False)


async def count() -> None:
    """Counts what lies where, again and again."""
    async with await AsyncConnection.connect(os.environ["DATABASE_URL"]) as own:
        while True:
            async with own.transaction():
                await own.execute("TRUNCATE today")
                await own.execute("INSERT INTO today SELECT shelf, count(*) FROM umbrella GROUP BY shelf")
            await asyncio.sleep(COUNT_S)


async def plot() -> None:
    """Draws a plan of what lies where, again and again."""
    async with await AsyncConnection.connect(os.environ["PLANS_URL"]) as own:
        while True:
            with suppress(Error):
                async with own.transaction():
                    await (await own.execute("SELECT shelf, pieces FROM today ORDER BY shelf")).fetchall()
                    await asyncio.sleep(PLOT_S)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def life(_: FastAPI) -> AsyncIterator[None]:
    """Of the process: pools are open, and both of the others at work."""
    await notes.open(wait=True)
    await shelves.open(wait=True)
    others = [asyncio.create_task(each()) for each in (count, plot)]
    yield
    for each in others:
        each.cancel()
    await notes.close()
    await shelves.close()


app = FastAPI(lifespan=life)


@app.get("/health")
async def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


async def noted(shelf: int) -> int:
    """The number of an umbrella that now lies on a shelf."""
    async with notes.connection() as connection:
        row = await (
            await connection.execute("INSERT INTO umbrella (shelf) VALUES (%s) RETURNING id", (shelf,))
        ).fetchone()
    return int(row[0]) if row else 0


async def shelf_with(umbrella: int, shelf: int) -> list[int]:
    """The last ten on a shelf once the umbrella is among them. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with shelves.connection() as connection:
                found = await connection.execute(
                    "SELECT id FROM umbrella WHERE shelf = %s ORDER BY id DESC LIMIT 60", (shelf,)
                )
                there = [int(row[0]) for row in await found.fetchall()]
            if umbrella in there:
                return there[:10]
            await asyncio.sleep(LOOK_S)


@app.get("/found")
async def found() -> dict[str, list[int]]:
    """Somebody brings one."""
    shelf = random.randrange(SHELVES)
    try:
        return {"shelf": await shelf_with(await noted(shelf), shelf)}
    except TimeoutError:
        raise HTTPException(503, "not on its shelf yet") from None
