"""Timetables: asked of an archive over a few lines, which are opened one after the other when a server starts."""

from __future__ import annotations

import asyncio
import os
import random
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ANSWER_S = draw.uniform(0.036, 0.046)
OPEN_S = draw.uniform(1.3, 1.6)
LINES = 4
for _line in range(LINES):
    time.sleep(OPEN_S)
lines = asyncio.Semaphore(LINES)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def timetable(request: Request) -> Response:
    """?stop= -> the next departures."""
    stop = request.query_params.get("stop", "market")
    async with lines:
        await asyncio.sleep(ANSWER_S * random.uniform(0.9, 1.1))
    return JSONResponse({"stop": stop, "departures": [f"{hour:02}:{7 * hour % 60:02}" for hour in range(6, 23)]})


app = Starlette(routes=[Route("/health", health), Route("/timetable", timetable)])
