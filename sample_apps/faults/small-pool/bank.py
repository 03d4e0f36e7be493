"""The bank, far away: any number of payments at a time, each as long as the way there and back."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
WAY_S = draw.uniform(0.030, 0.050)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def pay(request: Request) -> Response:
    """A receipt for that many cents."""
    await asyncio.sleep(WAY_S * draw.uniform(0.9, 1.1))
    return JSONResponse({"receipt": f"{request.path_params['cents']}-{draw.getrandbits(32):x}"})


app = Starlette(routes=[Route("/health", health), Route("/pay/{cents:int}", pay)])
