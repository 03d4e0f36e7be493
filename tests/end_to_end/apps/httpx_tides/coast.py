"""The tide at a place, asked of a buoy: Starlette and httpx."""

import os

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

BUOY = f"http://127.0.0.1:{os.environ['BUOY_PORT']}/level"
kept = httpx.AsyncClient() if os.environ.get("KEPT", "no") == "yes" else None


async def level():
    if kept is not None:
        return (await kept.get(BUOY)).json()
    async with httpx.AsyncClient() as client:
        return (await client.get(BUOY)).json()


async def tide(request):
    return JSONResponse(await level())


async def up(request):
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/tide", tide), Route("/up", up)])
