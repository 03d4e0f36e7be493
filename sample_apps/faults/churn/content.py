"""What stands in a box: the latest lines, made once at the start."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LINES = [f"line {number}: {draw.getrandbits(64):x}" for number in range(draw.randrange(5, 15))]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def box(request: Request) -> Response:
    """One box."""
    return JSONResponse({"name": request.path_params["name"], "lines": LINES})


app = Starlette(routes=[Route("/health", health), Route("/box/{name}", box)])
