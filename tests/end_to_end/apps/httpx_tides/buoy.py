"""Says how high the water is."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.003 + 0.001 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def level(request):
    await asyncio.sleep(MOMENT)
    return web.json_response({"level": 7})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/level", level)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
