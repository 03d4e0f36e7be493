"""Gifts. The giver is answered at once; the card is ordered afterwards."""

from __future__ import annotations

import asyncio
import itertools
import os

from calls import Client
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

press = Client("127.0.0.1", int(os.environ["PRESS_PORT"]))
IN_HAND = int(os.environ.get("IN_HAND", "0")) or None
at_the_press = asyncio.Semaphore(12)
numbers = itertools.count(1)
in_hand: set[int] = set()


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def order_card(number: int, euros: float) -> None:
    """Has the card printed."""
    try:
        async with at_the_press:
            await press.get(f"/card/{number}/{euros}")
    finally:
        in_hand.discard(number)


async def gift(request: Request) -> Response:
    """?euros= -> number; 503 while more cards are in hand than may be."""
    if IN_HAND is not None and len(in_hand) >= IN_HAND:
        return JSONResponse({"later": True}, 503, headers={"Retry-After": "1"})
    number = next(numbers)
    euros = float(request.query_params.get("euros", "10"))
    in_hand.add(number)
    return JSONResponse({"gift": number}, background=BackgroundTask(order_card, number, euros))


app = Starlette(routes=[Route("/health", health), Route("/gift", gift)])
