"""Distances between places, all worked out at the start and kept: much memory, but always the same."""

from __future__ import annotations

import math
import os
import random
from array import array

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SIDE = draw.randrange(4600, 5200)
ROW = array("d", (math.hypot(number % 71, number % 37) for number in range(SIDE)))
DISTANCES = [ROW[shift:] + ROW[:shift] for shift in range(SIDE)]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def nearest(_: Request) -> Response:
    """The ten places next to one drawn by lot."""
    place = random.randrange(SIDE)
    row = DISTANCES[place][:500]
    return JSONResponse({"place": place, "next": sorted(range(len(row)), key=row.__getitem__)[:10]})


app = Starlette(routes=[Route("/health", health), Route("/nearest", nearest)])
