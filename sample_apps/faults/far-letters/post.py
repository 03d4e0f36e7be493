"""A far post office: every letter takes its way, any number at a time."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
WAY_S = draw.uniform(0.02, 0.05)


async def next_letter(_: Request) -> PlainTextResponse:
    """A letter that was on its way."""
    await asyncio.sleep(WAY_S)
    return PlainTextResponse("dear customer")


async def health(_: Request) -> PlainTextResponse:
    """For whoever waits until it is up."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/next", next_letter), Route("/health", health)])
