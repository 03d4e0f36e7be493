"""Where the numbers come from, through a few pipes."""

import asyncio
import os
import sys

from aiohttp import web

FLOWS = 0.04 + 0.01 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)
pipes = asyncio.Semaphore(int(os.environ.get("PIPES", "4")))


async def draw(request):
    async with pipes:
        await asyncio.sleep(FLOWS)
    return web.json_response({"n": 1})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/n", draw)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
