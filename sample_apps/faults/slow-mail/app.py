"""Orders: taken at once; the mail that confirms one is somebody else's business."""

from __future__ import annotations

import asyncio
import os
import secrets

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

queue = Redis.from_url(os.environ["QUEUE_URL"])
STOCK_S = 0.2


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def order(_: Request) -> Response:
    """Reserves what is ordered in the stock, and has a mail sent."""
    number = secrets.token_hex(8)
    await asyncio.sleep(STOCK_S)
    await queue.xadd("confirmations", {"order": number})
    return JSONResponse({"order": number}, status_code=201)


app = Starlette(routes=[Route("/health", health), Route("/order", order)])
