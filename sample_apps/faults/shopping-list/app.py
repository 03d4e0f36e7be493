"""A shopping list with today's prices, which the price service knows."""

from __future__ import annotations

import os
import random

from calls import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

prices = Client("127.0.0.1", int(os.environ["PRICES_PORT"]))
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
LINES = draw.randrange(12, 26)
TOGETHER = os.environ.get("TOGETHER", "no") == "yes"


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def shopping(_: Request) -> Response:
    """The articles of a list, each with its price, and their sum."""
    articles = draw.sample(range(1000), LINES)
    if TOGETHER:
        cents = (await prices.get("/prices?articles=" + ",".join(map(str, articles))))["cents"]
    else:
        cents = [(await prices.get(f"/prices?articles={each}"))["cents"][0] for each in articles]
    return JSONResponse({"lines": dict(zip(map(str, articles), cents, strict=True)), "sum": sum(cents)})


app = Starlette(routes=[Route("/health", health), Route("/list", shopping)])
