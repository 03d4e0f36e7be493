"""The railway: a price takes a while, whoever else asks."""

import asyncio
import sys

from aiohttp import web


async def price(_):
    await asyncio.sleep(0.03)
    return web.json_response({"cents": 1290})


app = web.Application()
app.add_routes([web.get("/price", price)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
