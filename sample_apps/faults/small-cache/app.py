"""Departures of a station: drawn up from the timetable when first asked for, then kept in a cache."""

from __future__ import annotations

import json
import os
import random

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
STATIONS = draw.randrange(1000, 1300)
TRIPS = draw.randrange(2500, 3500)
LASTS_S = 3600
cache = Redis.from_url(os.environ["CACHE_URL"])
trips = [(draw.randrange(1440), draw.randrange(40), f"line {draw.randrange(90)}") for _ in range(TRIPS)]


def drawn_up(station: int) -> bytes:
    """The next departures of one station, earliest first."""
    shifted = sorted(((minute + station * delay) % 1440, line) for minute, delay, line in trips)
    rows = [{"at": f"{minute // 60:02}:{minute % 60:02}", "line": line} for minute, line in shifted[:120]]
    return json.dumps({"station": station, "departures": rows}).encode()


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def departures(request: Request) -> Response:
    """?station=; without it, one drawn by lot: every traveller stands somewhere else."""
    station = int(request.query_params.get("station") or random.randrange(STATIONS))
    page = await cache.get(f"departures:{station}")
    if page is None:
        page = drawn_up(station)
        await cache.set(f"departures:{station}", page, ex=LASTS_S)
    return Response(page, media_type="application/json")


app = Starlette(routes=[Route("/health", health), Route("/departures", departures)])
