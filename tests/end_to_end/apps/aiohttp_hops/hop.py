"""Asks the next one, and adds one."""

import os
import sys

import aiohttp
from aiohttp import web

NEXT = f"http://127.0.0.1:{os.environ['NEXT_PORT']}/n"


async def hop(request):
    async with request.app["talk"].get(NEXT) as answer:
        return web.json_response({"n": (await answer.json())["n"] + 1})


async def up(request):
    return web.Response(text="ok")


async def talk(app):
    app["talk"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    yield
    await app["talk"].close()


if __name__ == "__main__":
    app = web.Application()
    app.cleanup_ctx.append(talk)
    app.router.add_get("/n", hop)
    app.router.add_get("/up", up)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
