"""Recordings of birds. GET /call: one of them."""

from __future__ import annotations

import os
import random

from flask import Flask, Response
from waitress import serve

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
CALLS = [draw.randbytes(draw.randrange(250_000, 400_000)) for _ in range(draw.randrange(5, 9))]


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/call")
def call() -> Response:
    """Any of them."""
    return Response(random.choice(CALLS), mimetype="audio/ogg")


serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=16)
