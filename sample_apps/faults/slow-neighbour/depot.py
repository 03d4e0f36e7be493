"""The front of the depot's old planning machine, which has a few lines, and takes its time on each."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ANSWER_S = draw.uniform(0.035, 0.070)
LINES = int(os.environ.get("LINES", "0")) or draw.randrange(3, 6)
lines = asyncio.Semaphore(LINES)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def slot(_: Request) -> Response:
    """The next free day."""
    async with lines:
        await asyncio.sleep(ANSWER_S * draw.uniform(0.8, 1.2))
    return JSONResponse({"day": draw.randrange(1, 8)})


app = Starlette(routes=[Route("/health", health), Route("/slot", slot)])
