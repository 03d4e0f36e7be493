"""Scans of old maps, whole and as they are. GET /map."""

from __future__ import annotations

import os
import random

from flask import Flask, Response

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SCAN = draw.randbytes(1_000_000) * draw.randrange(6, 9)


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/map")
def sheet() -> Response:
    """One sheet."""
    return Response(SCAN, mimetype="image/tiff")
