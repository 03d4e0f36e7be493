"""What the toll is; looked up in the next county."""

import asyncio
import os
import sys

from aiohttp import web

FAR = 0.024 + 0.006 * (int(os.environ.get("LOADLAB_SEED", "1")) % 4)


async def toll(request):
    await asyncio.sleep(FAR)
    return web.json_response({"toll": 14})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/toll", toll)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
