"""Prints cards, a few at a time."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
CARD_S = draw.uniform(0.08, 0.16)
plates = asyncio.Semaphore(draw.randrange(3, 7))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def card(request: Request) -> Response:
    """Printed."""
    async with plates:
        await asyncio.sleep(CARD_S * draw.uniform(0.8, 1.2))
    return JSONResponse({"card": request.path_params["number"]})


app = Starlette(routes=[Route("/health", health), Route("/card/{number:int}/{euros:float}", card)])
