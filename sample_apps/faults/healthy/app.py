"""Readings of weather stations: the latest of each, kept in memory."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
STATIONS = [
    {"station": number, "celsius": round(draw.gauss(11, 6), 1), "hectopascal": round(draw.gauss(1013, 9))}
    for number in range(draw.randrange(20, 60))
]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def readings(_: Request) -> Response:
    """All stations, the warmest first."""
    return JSONResponse(sorted(STATIONS, key=lambda station: -station["celsius"]))


app = Starlette(routes=[Route("/health", health), Route("/readings", readings)])
