"""Short addresses and where they lead. Many have been given up, and are asked for still."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
KNOWN = {number: f"https://example.org/{draw.getrandbits(48):x}" for number in range(0, 3000, draw.choice((2, 3, 4)))}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def lead(request: Request) -> Response:
    """Where it leads, or 404."""
    number = request.path_params["number"]
    if number not in KNOWN:
        return PlainTextResponse("given up", 404)
    return JSONResponse({"to": KNOWN[number]})


app = Starlette(routes=[Route("/health", health), Route("/{number:int}", lead)])
