"""Weather: measured now and then, and handed out to whoever asks."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PLACES = {f"place {number}": round(draw.uniform(-12, 34), 1) for number in range(60)}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def weather(request: Request) -> Response:
    """?place= -> degrees; without it, of all places."""
    place = request.query_params.get("place")
    return JSONResponse({place: PLACES.get(place)} if place else PLACES)


app = Starlette(routes=[Route("/health", health), Route("/weather", weather)])
