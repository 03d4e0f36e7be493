"""Offers for a delivery: asks the tariffs for the price and the depot for the next free slot, both at once."""

from __future__ import annotations

import asyncio
import os

from calls import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

tariffs = Client("127.0.0.1", int(os.environ["TARIFFS_PORT"]))
depot = Client("127.0.0.1", int(os.environ["DEPOT_PORT"]))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def offer(request: Request) -> Response:
    """?kg= -> price and day."""
    kg = float(request.query_params.get("kg", "2"))
    price, slot = await asyncio.gather(tariffs.get(f"/tariff/{kg}"), depot.get("/slot"))
    return JSONResponse({"cents": price["cents"], "day": slot["day"]})


app = Starlette(routes=[Route("/health", health), Route("/offer", offer)])
