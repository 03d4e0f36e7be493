"""Seats of a concert hall: each visitor gets the plan with the best seats that are left."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ROWS = draw.randrange(60, 90)
SEATS = draw.randrange(40, 60)
STAGE = (SEATS / 2, -8.0)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


def view(row: int, seat: int) -> float:
    """How well the stage is seen: near, and from the middle."""
    across, deep = seat - STAGE[0], row - STAGE[1]
    return 1000.0 / (across * across * 1.5 + deep * deep)


async def plan(_: Request) -> Response:
    """The ten best seats."""
    seats = ((view(row, seat), row, seat) for row in range(ROWS) for seat in range(SEATS))
    best = sorted(seats, reverse=True)[:10]
    return JSONResponse([{"row": row, "seat": seat, "view": round(how, 2)} for how, row, seat in best])


app = Starlette(routes=[Route("/health", health), Route("/plan", plan)])
