"""The register of rooms."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def room(_: Request) -> Response:
    """A free one."""
    return PlainTextResponse(str(draw.randrange(100, 500)))


app = Starlette(routes=[Route("/health", health), Route("/room", room)])
