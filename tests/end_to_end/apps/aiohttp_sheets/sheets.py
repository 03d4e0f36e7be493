"""Sheets of a map, a megabyte or two each, as they came from the printer."""

from __future__ import annotations

import os
import random
import sys

from aiohttp import web

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SHEETS = [draw.randbytes(draw.randrange(900_000, 1_800_000)) for _ in range(12)]


async def sheet(_: web.Request) -> web.Response:
    """One of them."""
    return web.Response(body=random.choice(SHEETS), content_type="image/png")


async def health(_: web.Request) -> web.Response:
    """For whoever waits until the service is up."""
    return web.Response(text="ok")


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/sheet", sheet), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
