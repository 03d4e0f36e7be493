"""Building permits by number, from an archive that asks for this server's key and lets each in a few at a time."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ARCHIVE_S = draw.uniform(0.018, 0.030)
CONNECTIONS = draw.randrange(3, 6)
KEY = os.environ["KEYS"].split(",")[int(os.environ["INSTANCE"])]
archive = asyncio.Semaphore(CONNECTIONS)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def show(request: Request) -> Response:
    """One permit."""
    number = request.path_params["number"]
    if not KEY:
        return JSONResponse({"error": "no key for the archive"}, status_code=500)
    async with archive:
        await asyncio.sleep(ARCHIVE_S * draw.uniform(0.9, 1.1))
    return JSONResponse({"permit": number, "pages": [{"page": page, "signed": page % 3 == 0} for page in range(20)]})


app = Starlette(routes=[Route("/health", health), Route("/permits/{number:int}", show)])
