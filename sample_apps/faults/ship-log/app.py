"""Notes where every ship of a fleet is. ENTRIES: "one by one", or "together"."""

from __future__ import annotations

import os
import random
import sys

from flask import Flask, Response, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SHIPS = [f"ship {number} at {draw.uniform(-90, 90):.3f}\n".encode() for number in range(draw.randrange(1500, 3500))]
ONE_BY_ONE = os.environ.get("ENTRIES") == "one by one"

app = Flask(__name__)
book = os.open(os.environ["BOOK"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def note() -> None:
    """An entry for each ship, from the top of the page."""
    os.lseek(book, 0, os.SEEK_SET)
    if ONE_BY_ONE:
        for each in SHIPS:
            os.write(book, each)
    else:
        os.write(book, b"".join(SHIPS))


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/positions")
def positions() -> Response:
    """How many were noted."""
    note()
    return jsonify(len(SHIPS))


class Quiet(WSGIRequestHandler):
    """Keeps connections, says nothing."""

    protocol_version = "HTTP/1.0"

    def log_request(self, *_: object) -> None:
        """Nothing."""


make_server("127.0.0.1", int(sys.argv[1]), app, threaded=False, request_handler=Quiet).serve_forever()
