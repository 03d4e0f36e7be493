"""The same pages: the names a word may begin with are looked up, a step for each length there is."""

from __future__ import annotations

import html
import sys

from aiohttp import web
from pages import NAMES, TEXT, health

LENGTHS = sorted({len(name) for name in NAMES})


def link_names(words: list[str]) -> str:
    """As in pages.py."""
    out = []
    for word in words:
        shown = html.escape(word)
        name = next((word[:length] for length in LENGTHS if word[:length] in NAMES), None)
        out.append(shown if name is None else f'<a href="/who/{name}">{shown}</a>')
    return " ".join(out)


async def page(request: web.Request) -> web.Response:
    """One page."""
    return web.Response(text="".join(f"<p>{link_names(words)}</p>" for words in TEXT), content_type="text/html")


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.get("/page/{number}", page), web.get("/health", health)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
