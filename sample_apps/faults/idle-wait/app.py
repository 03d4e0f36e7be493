"""News for a page that stays open: a request waits until there is something new, or until its time is over."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PATIENCE_S = draw.uniform(0.18, 0.24)
arrived = asyncio.Event()


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def news(_: Request) -> Response:
    """What is new, or nothing."""
    try:
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
    except TimeoutError:
        return JSONResponse({"news": []})
    return JSONResponse({"news": ["something happened"]})


app = Starlette(routes=[Route("/health", health), Route("/news", news)])
