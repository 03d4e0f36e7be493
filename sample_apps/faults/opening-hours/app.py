"""When a shop is open: GET /hours?shop=12. Nothing but the standard library."""

from __future__ import annotations

import json
import os
import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SHOPS = {
    number: {day: [draw.randrange(7, 11), draw.randrange(16, 22)] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
    for number in range(1, 301)
}


class Hours(BaseHTTPRequestHandler):
    """Answers one visitor."""

    protocol_version = "HTTP/1.1"
    wbufsize = int(os.environ.get("OUT_BUFFER", "0"))

    def do_GET(self) -> None:
        """The hours of one shop."""
        asked = urlsplit(self.path)
        shop = int(parse_qs(asked.query).get("shop", ["1"])[0])
        body = b"ok" if asked.path == "/health" else json.dumps({"shop": shop, "open": SHOPS[shop]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Not a line for each request."""


class Server(ThreadingHTTPServer):
    """As it comes, but for visitors who arrive at the same moment."""

    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Hours).serve_forever()
