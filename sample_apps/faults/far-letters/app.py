"""Letters from a post office whose client can only be called from threads. CARRIERS: how many; 0: a few."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
CARRIERS = int(os.environ.get("CARRIERS", "0")) or draw.randrange(3, 8)
POST = int(os.environ["POST_PORT"])

carriers = ThreadPoolExecutor(CARRIERS, thread_name_prefix="carrier")
lines = threading.local()


def fetch() -> str:
    """One letter; each thread keeps its line to the post office."""
    if not hasattr(lines, "post"):
        lines.post = http.client.HTTPConnection("127.0.0.1", POST)
    lines.post.request("GET", "/next")
    return str(lines.post.getresponse().read().decode())


async def letter(_: web.Request) -> web.Response:
    """A letter, when a carrier has brought it."""
    text = await asyncio.get_running_loop().run_in_executor(carriers, fetch)
    return web.json_response({"text": text})


async def health(_: web.Request) -> web.Response:
    """For whoever waits until it is up."""
    return web.Response(text="ok")


app = web.Application()
app.add_routes([web.get("/letter", letter), web.get("/health", health)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
