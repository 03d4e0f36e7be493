"""An archive's catalogue: papers by a word of theirs."""

from __future__ import annotations

import os
import random

from flask import Flask, Response, jsonify
from psycopg_pool import ConnectionPool

app = Flask(__name__)
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=8, open=True)


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


@app.get("/papers")
def papers() -> Response:
    """The latest papers with a word, and how many there are."""
    word = f"word{random.randrange(2000)}"
    with pool.connection() as connection:
        found = connection.execute(
            "SELECT title, year FROM papers JOIN words ON paper = id WHERE word = %s ORDER BY year DESC LIMIT 10",
            (word,),
        ).fetchall()
        count = connection.execute("SELECT count(*) FROM words WHERE word = %s", (word,)).fetchone()
    return jsonify(papers=found, count=count[0] if count else 0)
