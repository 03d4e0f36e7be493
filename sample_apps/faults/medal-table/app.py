"""The medal table of the games: made from all results, and kept for a few seconds. GET /table."""

from __future__ import annotations

import os
import random
import threading
from http.client import HTTPConnection

from flask import Flask, Response
from redis import Redis

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FRESH_MS = draw.randrange(3000, 3600)
FILL = os.environ.get("FILL", "each")
cache = Redis.from_url(os.environ["CACHE_URL"])
mine = threading.local()


def counted() -> bytes:
    """The table as it stands now. Each thread keeps its connection."""
    if not hasattr(mine, "results"):
        mine.results = HTTPConnection("127.0.0.1", int(os.environ["RESULTS_PORT"]))
    mine.results.request("GET", "/medals")
    page: bytes = mine.results.getresponse().read()
    return page


def made() -> bytes:
    """A new table, put where the next visitor finds it."""
    page = counted()
    cache.set("table", page, px=FRESH_MS)
    return page


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/table")
def table() -> Response:
    """As it was at most a few seconds ago."""
    page = cache.get("table")
    if page is None and FILL == "each":
        page = made()
    elif page is None:
        with cache.lock("table:filling", timeout=10, sleep=0.01):
            page = cache.get("table") or made()
    return Response(page, mimetype="application/json")
