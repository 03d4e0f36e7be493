"""A library's desk: how many copies of a book there are."""

from __future__ import annotations

import os
import random

import psycopg
from flask import Flask, Response, jsonify

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
STAMP_S = draw.uniform(0.02, 0.03)
app = Flask(__name__)


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


@app.get("/book")
def book() -> Response:
    """One of the books; the desk stamps a card for each question."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT title, copies FROM books WHERE id = %s", (1 + random.randrange(20_000),)
        ).fetchone()
        connection.execute("SELECT pg_sleep(%s)", (STAMP_S,))
    return jsonify(title=row[0] if row else "", copies=row[1] if row else 0)
