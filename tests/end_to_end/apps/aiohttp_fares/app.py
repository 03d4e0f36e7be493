"""Fares, asked of the railway through a client with a connector of its own."""

import os
import sys

from aiohttp import ClientSession, TCPConnector, web


async def fare(request):
    async with request.app["rail"].get(f"http://127.0.0.1:{sys.argv[2]}/price") as answer:
        return web.json_response(await answer.json())


async def client(app):
    async with ClientSession(connector=TCPConnector(limit=int(os.environ["LINES_TO_RAIL"]))) as app["rail"]:
        yield


app = web.Application()
app.cleanup_ctx.append(client)
app.add_routes([web.get("/fare", fare)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
