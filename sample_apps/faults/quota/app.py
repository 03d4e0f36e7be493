"""The few colours that stand for a picture (k-means over its pixels), for the frame around a thumbnail."""

from __future__ import annotations

import os
import random

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Colour = tuple[int, int, int]
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PIXELS: list[Colour] = [
    (draw.randrange(256), draw.randrange(256), draw.randrange(256)) for _ in range(draw.randrange(500, 900))
]


def nearest(pixel: Colour, palette: list[Colour]) -> int:
    """The place in the palette of the colour most like the pixel."""
    red, green, blue = pixel
    distances = [(red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2 for r, g, b in palette]
    return distances.index(min(distances))


def palette(pixels: list[Colour], size: int) -> list[Colour]:
    """That many colours, after two rounds of moving each to the middle of its pixels."""
    colours = pixels[:size]
    for _ in range(2):
        sums = [[0, 0, 0, 0] for _ in colours]
        for pixel in pixels:
            near = sums[nearest(pixel, colours)]
            near[0] += pixel[0]
            near[1] += pixel[1]
            near[2] += pixel[2]
            near[3] += 1
        colours = [(r // (n or 1), g // (n or 1), b // (n or 1)) for r, g, b, n in sums]
    return colours


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def frame(_: Request) -> Response:
    """The palette of the picture."""
    return JSONResponse({"palette": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in palette(PIXELS, 4)]})


app = Starlette(routes=[Route("/health", health), Route("/frame", frame)])
