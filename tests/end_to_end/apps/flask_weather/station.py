"""The weather station. Each question is written to the day's journal, which is read at midnight."""

import os

from aiohttp import web

journal = []
note = 700 + int(os.environ.get("LOADLAB_SEED", "1")) * 131 % 400


async def at(request):
    journal.append(bytearray(note) + request.path.encode())
    return web.json_response({"town": request.match_info["town"], "degrees": len(journal) % 30})


async def up(_):
    return web.Response(text="ok")


app = web.Application()
app.add_routes([web.get("/at/{town}", at), web.get("/up", up)])
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
