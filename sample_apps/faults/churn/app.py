"""A front page made of three boxes, each from the content service."""

from __future__ import annotations

import asyncio
import os

from calls import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

content = Client("127.0.0.1", int(os.environ["CONTENT_PORT"]), keep=os.environ.get("KEEP_ALIVE", "no") == "yes")
BOXES = ("news", "weather", "sports")


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def front(_: Request) -> Response:
    """All boxes, asked for at once."""
    boxes = await asyncio.gather(*(content.get(f"/box/{name}") for name in BOXES))
    return JSONResponse(dict(zip(BOXES, boxes, strict=True)))


app = Starlette(routes=[Route("/health", health), Route("/front", front)])
