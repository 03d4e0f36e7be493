"""An index of titles on slow disks. Found once, an answer is kept."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SEEK_S = draw.uniform(0.006, 0.010)
TITLES = draw.randrange(300, 500)
found: dict[str, list[str]] = {}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def find(request: Request) -> Response:
    """The best ten titles for these words."""
    words = request.path_params["words"]
    if words not in found:
        await asyncio.sleep(SEEK_S)
        found[words] = [f"{words} {number} {draw.getrandbits(64):x}" for number in range(TITLES)]
    return JSONResponse(found[words][:10])


app = Starlette(routes=[Route("/health", health), Route("/find/{words}", find)])
