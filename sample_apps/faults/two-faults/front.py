"""The search page: takes the visitor's words, asks the index, shows what it found."""

from __future__ import annotations

import html
import http.client
import itertools
import json
import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

WORDS = ("river", "stone", "paper", "cloud", "amber", "north", "gentle", "bright", "winter", "harbour")
visits = itertools.count()


class Index:
    """The index service, over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def find(self, words: str) -> list[str]:
        """Titles that fit. Raises OSError when the index cannot be reached."""
        self._connection.request("GET", f"/find/{words}")
        titles: list[str] = json.loads(self._connection.getresponse().read())
        return titles


index = Index(int(os.environ["INDEX_PORT"]))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def search(request: Request) -> Response:
    """?q= or, without it, words drawn by lot, as real visitors rarely ask the same twice."""
    words = request.query_params.get("q") or f"{'-'.join(random.sample(WORDS, 3))}-{next(visits)}"
    titles = index.find(words)
    return HTMLResponse("<ul>" + "".join(f"<li>{html.escape(title)}</li>" for title in titles) + "</ul>")


app = Starlette(routes=[Route("/health", health), Route("/search", search)])
