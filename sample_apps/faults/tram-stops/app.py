"""Departures at tram stops: each board is asked from a control room that answers many at a time."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ROOM_S = draw.uniform(0.030, 0.050)
PLACES = ("Harbour", "Mills", "Castle", "Fair", "Depot")
LINES = [f"{number} to {place}" for number, place in enumerate(PLACES, start=1)]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def board(request: Request) -> Response:
    """?stop= -> the next trams there, as the control room sees them now."""
    stop = request.query_params.get("stop", "Castle")
    await asyncio.sleep(ROOM_S * random.uniform(0.9, 1.1))
    return JSONResponse({"stop": stop, "next": [{"line": line, "minutes": random.randint(0, 14)} for line in LINES]})


app = Starlette(routes=[Route("/health", health), Route("/board", board)])
