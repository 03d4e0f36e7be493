"""A shepherd who takes a moment for each word, and hears all who ask."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.012 + 0.004 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def word(request):
    await asyncio.sleep(MOMENT)
    return web.Response(text="sharp")


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/word", word)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
