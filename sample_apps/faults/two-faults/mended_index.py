"""The same index. Of the answers found, the last hundred are kept."""

from __future__ import annotations

import asyncio

from index import SEEK_S, TITLES, draw, health
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEPT = 100
found: dict[str, list[str]] = {}


async def find(request: Request) -> Response:
    """The best ten titles for these words."""
    words = request.path_params["words"]
    if words not in found:
        await asyncio.sleep(SEEK_S)
        found[words] = [f"{words} {number} {draw.getrandbits(64):x}" for number in range(TITLES)]
    answer = JSONResponse(found[words][:10])
    if len(found) > KEPT:
        del found[next(iter(found))]
    return answer


app = Starlette(routes=[Route("/health", health), Route("/find/{words}", find)])
