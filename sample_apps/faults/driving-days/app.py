"""The registry of driving times. KEPT: "each mark", or "the day"."""

from __future__ import annotations

import itertools
import logging
import os
import random
import sys
from pathlib import Path

from book import Book
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from waitress import serve

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
MINUTES = sorted(draw.sample(range(1440), draw.randrange(25, 60)))
MARKS = [b"%02d:%02d driving\n" % divmod(minute, 60) for minute in MINUTES]
EACH = os.environ.get("KEPT") == "each mark"

app = Flask(__name__)
books = [Book(Path(os.environ["BOOKS"]) / f"lorry-{number}.book") for number in range(40)]
turns = itertools.cycle(books)


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/day")
def day() -> ResponseReturnValue:
    """Keeps the day of the next lorry."""
    next(turns).keep(MARKS, each=EACH)
    return jsonify(len(MARKS))


logging.getLogger("waitress.queue").setLevel(logging.ERROR)
serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=3)
