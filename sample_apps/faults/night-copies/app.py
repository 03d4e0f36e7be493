"""A photographer's pages: an album's list of pictures."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ALBUMS = {
    number: [{"picture": f"{draw.getrandbits(40):x}.jpg", "stars": draw.randrange(6)} for _ in range(30)]
    for number in range(draw.randrange(50, 90))
}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def album(_: Request) -> Response:
    """One of them, the best pictures first."""
    return JSONResponse(sorted(ALBUMS[random.randrange(len(ALBUMS))], key=lambda each: -int(str(each["stars"]))))


app = Starlette(routes=[Route("/health", health), Route("/album", album)])
