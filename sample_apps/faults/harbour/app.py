"""Departures of a harbour's ferries. Displays on the quays ask all at once, on every even second."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
QUAYS = [f"quay {number}" for number in range(1, draw.randrange(6, 12))]
FERRIES = [
    {"quay": draw.choice(QUAYS), "to": f"island {draw.randrange(40)}", "minute": draw.randrange(1440)}
    for _ in range(draw.randrange(2500, 4000))
]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def departures(request: Request) -> Response:
    """The next ten of a quay."""
    quay = request.query_params.get("quay", QUAYS[0])
    mine = sorted((each for each in FERRIES if each["quay"] == quay), key=lambda each: int(str(each["minute"])))
    return JSONResponse(mine[:10])


app = Starlette(routes=[Route("/health", health), Route("/departures", departures)])
