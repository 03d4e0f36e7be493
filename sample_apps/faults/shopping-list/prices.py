"""Today's prices, looked up in a moment."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LOOKUP_S = draw.uniform(0.0005, 0.003)
CENTS = [draw.randrange(49, 2999) for _ in range(1000)]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def lookup(request: Request) -> Response:
    """?articles=7,12 -> their prices, in that order."""
    await asyncio.sleep(LOOKUP_S)
    return JSONResponse({"cents": [CENTS[int(each)] for each in request.query_params["articles"].split(",")]})


app = Starlette(routes=[Route("/health", health), Route("/prices", lookup)])
