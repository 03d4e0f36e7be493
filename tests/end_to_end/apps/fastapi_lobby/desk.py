"""Looks a room up, which takes a moment; as many at once as ask."""

import asyncio
import os
import sys

from aiohttp import web

MOMENT = 0.03 + 0.01 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def room(request):
    await asyncio.sleep(MOMENT)
    return web.json_response({"room": 12, "floor": 3})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/room", room)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
