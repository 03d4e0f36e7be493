"""A dictionary's pages. A page is made from its source when it is first asked for, and kept."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PAGES = draw.randrange(30, 45)
LINES = draw.randrange(2500, 4000)
made: dict[int, object] = {}


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


def source(page: int) -> str:
    """The text of a page, as the editors left it."""
    return "\n".join(f"word_{page}_{line} = ('meaning', {line} + {page} * 2)" for line in range(LINES))


async def page(_: Request) -> Response:
    """One of them."""
    number = random.randrange(PAGES)
    if number not in made:
        made[number] = compile(source(number), f"page {number}", "exec")
    return JSONResponse({"page": number, "kept": len(made)})


app = Starlette(routes=[Route("/health", health), Route("/page", page)])
