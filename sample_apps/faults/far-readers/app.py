"""Catalogues for print, a few hundred pages each."""

from __future__ import annotations

import os
import random

from flask import Flask, Response

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
PAGES = draw.randbytes(draw.randrange(1_200_000, 2_500_000))
app = Flask(__name__)


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


@app.get("/catalogue")
def catalogue() -> Response:
    """The whole of it."""
    return Response(PAGES, mimetype="application/pdf")
