"""Pictures of flats for rent."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PICTURES = [draw.randbytes(draw.randrange(80_000, 400_000)) for _ in range(30)]


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def picture(_: Request) -> Response:
    """One of them."""
    return Response(draw.choice(PICTURES), media_type="image/jpeg")


app = Starlette(routes=[Route("/health", health), Route("/picture", picture)])
