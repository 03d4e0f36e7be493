"""The bank's rate service, far away: every answer takes as long as the line there and back."""

from __future__ import annotations

import asyncio
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ROUND_TRIP_S = draw.uniform(0.012, 0.030)
PRICES = {"usd": 1.08, "gbp": 0.85, "chf": 0.96, "jpy": 163.4}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def rate(request: Request) -> Response:
    """The price of one euro."""
    await asyncio.sleep(ROUND_TRIP_S * draw.uniform(0.9, 1.1))
    return JSONResponse({"rate": PRICES.get(request.path_params["currency"], 1.0)})


app = Starlette(routes=[Route("/health", health), Route("/rates/{currency}", rate)])
