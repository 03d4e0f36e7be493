"""A press that takes a moment for each seal, and has room for all who ask."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.02 + 0.004 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def seal(request):
    await asyncio.sleep(MOMENT)
    return web.json_response({"seal": "owl"})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/seal", seal)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
