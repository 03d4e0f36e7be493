"""The front page of a magazine: the latest articles, each with its author."""

from __future__ import annotations

import html
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import magazine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

PREFETCH = os.environ.get("PREFETCH", "0") == "1"


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[None]:
    """A pool of connections, as long as the service runs."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=20) as pool:
        app.state.pool = pool
        yield


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def front(request: Request) -> Response:
    """The latest articles."""
    async with request.app.state.pool.acquire() as connection:
        articles = await (magazine.prefetched if PREFETCH else magazine.latest)(connection)
    items = (f"<li>{html.escape(each['title'])} by {html.escape(each['name'])}</li>" for each in articles)
    return HTMLResponse(f"<ul>{''.join(items)}</ul>")


app = Starlette(routes=[Route("/health", health), Route("/front", front)], lifespan=connected)
