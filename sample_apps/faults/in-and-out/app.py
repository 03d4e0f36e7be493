"""Spare parts: looked up in a catalogue of the maker's over a few lines."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ANSWER_S = draw.uniform(0.056, 0.066)
lines = asyncio.Semaphore(4)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def part(request: Request) -> Response:
    """One part, and where it is in stock."""
    number = request.path_params["number"]
    async with lines:
        await asyncio.sleep(ANSWER_S * random.uniform(0.9, 1.1))
    return JSONResponse({"part": number, "stock": {f"shelf {shelf}": number * shelf % 9 for shelf in range(1, 13)}})


app = Starlette(routes=[Route("/health", health), Route("/parts/{number:int}", part)])
