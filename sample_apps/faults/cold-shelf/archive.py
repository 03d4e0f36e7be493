"""The archive, some rooms away."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
WAY_S = draw.uniform(0.03, 0.06)
NOTES = draw.randrange(60_000, 90_000)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def sheet(request: Request) -> Response:
    """A sheet, whole."""
    await asyncio.sleep(WAY_S)
    return JSONResponse({"notes": f"{request.path_params['number']:04} " + "c d e f g a b " * (NOTES // 14)})


app = Starlette(routes=[Route("/health", health), Route("/sheets/{number:int}", sheet)])
