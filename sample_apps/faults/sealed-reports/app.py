"""Reports of measurements, as JSON."""

from __future__ import annotations

import os
import random

from report import rows, sealed
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
DAYS = [rows(draw) for _ in range(7)]
AS_IS = os.environ.get("AS_IS", "no") == "yes"


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def report(_: Request) -> Response:
    """One day's."""
    body, headers = sealed(draw.choice(DAYS), as_is=AS_IS)
    return Response(body, headers=headers, media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/report", report)])
