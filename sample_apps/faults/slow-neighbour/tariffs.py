"""The price of a parcel by its weight."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

STEPS = ((1, 399), (2, 499), (5, 699), (10, 1099), (31, 1999))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def tariff(request: Request) -> Response:
    """The cents for that many kilograms."""
    kg = request.path_params["kg"]
    return JSONResponse({"cents": next((cents for most, cents in STEPS if kg <= most), 4999)})


app = Starlette(routes=[Route("/health", health), Route("/tariff/{kg:float}", tariff)])
