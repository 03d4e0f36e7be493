"""Counts its plums, which takes a moment, for all who ask."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.03 + 0.005 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def count(request):
    await asyncio.sleep(MOMENT)
    return web.Response(text="204")


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/count", count)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
