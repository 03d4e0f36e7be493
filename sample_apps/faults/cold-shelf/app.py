"""Sheet music: fetched from the archive when it is first asked for, then kept on a shelf with room for all of it."""

from __future__ import annotations

import os
import random

from calls import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

archive = Client("127.0.0.1", int(os.environ["ARCHIVE_PORT"]))
SHEETS = random.Random(int(os.environ.get("LOADLAB_SEED", "1"))).randrange(250, 350)
shelf: dict[int, str] = {}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def sheet(_: Request) -> Response:
    """The first line of a sheet drawn by lot."""
    number = random.randrange(SHEETS)
    if number not in shelf:
        shelf[number] = str((await archive.get(f"/sheets/{number}"))["notes"])
    return JSONResponse({"sheet": number, "begins": shelf[number][:40]})


app = Starlette(routes=[Route("/health", health), Route("/sheet", sheet)])
