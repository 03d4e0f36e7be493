"""Sworn copies of deeds, over TLS. GET /copy?deed=. KEEP: whether a connection serves more than one request."""

from __future__ import annotations

import hashlib
import os
import random
import ssl
from pathlib import Path

from aiohttp import web

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
DEEDS = [draw.randbytes(draw.randrange(2_000, 20_000)) for _ in range(draw.randrange(40, 90))]
KEEP = os.environ.get("KEEP", "no") == "yes"
HERE = Path(__file__).parent


async def copy(request: web.Request) -> web.Response:
    """Its text and what proves it."""
    deed = DEEDS[int(request.query.get("deed", "7")) % len(DEEDS)]
    answer = web.json_response({"deed": deed.hex(), "proof": hashlib.sha256(deed).hexdigest()})
    if not KEEP:
        answer.force_close()
    return answer


async def health(_: web.Request) -> web.Response:
    """For whoever waits until it is up."""
    return web.Response(text="ok")


app = web.Application()
app.add_routes([web.get("/copy", copy), web.get("/health", health)])
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(HERE / "cert.pem", HERE / "key.pem")
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), ssl_context=context, print=None, access_log=None)
