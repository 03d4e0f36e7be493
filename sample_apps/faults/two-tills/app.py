"""A baker's till: what is there, and what it costs."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
GOODS = {f"loaf {number}": draw.randrange(150, 900) for number in range(draw.randrange(40, 80))}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def goods(_: Request) -> Response:
    """The cheapest first."""
    return JSONResponse(dict(sorted(GOODS.items(), key=lambda each: each[1])))


app = Starlette(routes=[Route("/health", health), Route("/goods", goods)])
