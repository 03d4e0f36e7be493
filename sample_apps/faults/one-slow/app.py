"""Patient files by number, read from an archive in this server's region through a few connections."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FAR_S = draw.uniform(0.045, 0.080)
NEAR_S = draw.uniform(0.002, 0.004)
CONNECTIONS = draw.randrange(3, 5)
REGION = os.environ["REGIONS"].split(",")[int(os.environ["INSTANCE"])]
archive = asyncio.Semaphore(CONNECTIONS)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def show(request: Request) -> Response:
    """One file."""
    number = request.path_params["number"]
    async with archive:
        await asyncio.sleep((FAR_S if REGION == "far" else NEAR_S) * draw.uniform(0.9, 1.1))
    return JSONResponse({"file": number, "visits": [{"year": 2000 + year, "ward": year % 7} for year in range(20)]})


app = Starlette(routes=[Route("/health", health), Route("/files/{number:int}", show)])
