"""Translations: each waits for a machine far away that does many at a time."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ANSWER_S = draw.uniform(0.020, 0.035)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def translate(request: Request) -> Response:
    """?text= -> the same, in another language."""
    text = request.query_params.get("text", "good morning")
    await asyncio.sleep(ANSWER_S * random.uniform(0.9, 1.1))
    return JSONResponse({"text": " ".join(word[::-1] for word in text.split())})


app = Starlette(routes=[Route("/health", health), Route("/translate", translate)])
