"""A reading room: pages of a book, its names turned into links."""

from __future__ import annotations

import html
import os
import random
import sys

from aiohttp import web

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SYLLABLES = ("ka", "lo", "mi", "ren", "tas", "ur", "vel", "shi", "don", "pe")
NAMES = {"".join(draw.choices(SYLLABLES, k=3)).title() for _ in range(draw.randrange(60, 90))}
TEXT = [
    [draw.choice(sorted(NAMES)) if draw.random() < 0.1 else "".join(draw.choices(SYLLABLES, k=2)) for _ in range(80)]
    for _ in range(draw.randrange(18, 26))
]


def link_names(words: list[str]) -> str:
    """The paragraph, with every name linked that is, or begins with, one in the list of persons."""
    out = []
    for word in words:
        shown = html.escape(word)
        for name in NAMES:
            if word.startswith(name):
                shown = f'<a href="/who/{name}">{shown}</a>'
                break
        out.append(shown)
    return " ".join(out)


async def page(request: web.Request) -> web.Response:
    """One page."""
    return web.Response(text="".join(f"<p>{link_names(words)}</p>" for words in TEXT), content_type="text/html")


async def health(request: web.Request) -> web.Response:
    """For whoever waits until the service is up."""
    return web.Response(text="ok")


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/page/{number}", page), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
