"""Free seats of a theatre: seats somebody is about to book are held in a store, all shows together."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
HOLDS = draw.randrange(90_000, 130_000)
SHOWS = draw.randrange(3000, 5000)
SEATS = 900
COUNTED = os.environ.get("COUNTED") == "yes"
store = Redis.from_url(os.environ["STORE_URL"])


@asynccontextmanager
async def season(_: Starlette) -> AsyncIterator[None]:
    """A season under way: people hold seats."""
    for first in range(0, HOLDS, 5000):
        numbers = range(first, min(HOLDS, first + 5000))
        await store.mset({f"hold:{each % SHOWS}:{each}": "1" for each in numbers})
    for show in range(SHOWS):
        await store.hset("held", str(show), str(len(range(show, HOLDS, SHOWS))))
    yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def held(show: int) -> int:
    """Seats of a show that somebody holds."""
    if COUNTED:
        return int(await store.hget("held", str(show)) or 0)
    return len(await store.keys(f"hold:{show}:*"))


async def free(request: Request) -> Response:
    """?show= -> its free seats; without it, of any show."""
    show = int(request.query_params.get("show") or random.randrange(SHOWS))
    return JSONResponse({"show": show, "free": SEATS - await held(show)})


app = Starlette(routes=[Route("/health", health), Route("/free", free)], lifespan=season)
