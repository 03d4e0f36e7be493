"""The same search page: the index is asked in threads, a connection for each, and the loop goes on meanwhile."""

from __future__ import annotations

import html
import itertools
import os
import random
import threading

from front import WORDS, Index, health
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

visits = itertools.count()
here = threading.local()


def find(words: str) -> list[str]:
    """As the index says, over this thread's connection."""
    if not hasattr(here, "index"):
        here.index = Index(int(os.environ["INDEX_PORT"]))
    return here.index.find(words)


async def search(request: Request) -> Response:
    """?q= or, without it, words drawn by lot."""
    words = request.query_params.get("q") or f"{'-'.join(random.sample(WORDS, 3))}-{next(visits)}"
    titles = await run_in_threadpool(find, words)
    return HTMLResponse("<ul>" + "".join(f"<li>{html.escape(title)}</li>" for title in titles) + "</ul>")


app = Starlette(routes=[Route("/health", health), Route("/search", search)])
