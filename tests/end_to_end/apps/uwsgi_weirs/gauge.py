"""A gauge that takes a moment, and answers all who ask."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.04 + 0.01 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def level(_request):
    await asyncio.sleep(MOMENT)
    return web.Response(text="3.1")


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/level", level)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
