"""The same ledger. An entry it cannot read is refused, and the next one is entered."""

import os
import random

from aiohttp import web

every = 9000 + int(os.environ.get("LOADLAB_SEED", "1")) * 37 % 4000
entries = 0


async def enter(_):
    global entries
    entries += 1
    if entries % every == every - random.randrange(20):
        return web.Response(status=422, text="cannot be read")
    return web.Response(text="ok")


async def up(_):
    return web.Response(text="ok")


app = web.Application()
app.add_routes([web.get("/enter", enter), web.get("/up", up)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
