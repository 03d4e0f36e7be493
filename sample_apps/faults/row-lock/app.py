"""Tickets: takes a seat, has it printed, and only then lets go of the transaction."""

from __future__ import annotations

import os
import random

from flask import Flask, Response, jsonify
from printer import Printer
from psycopg_pool import ConnectionPool

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
printer = Printer(draw.uniform(0.008, 0.014))
EVENINGS = int(os.environ.get("EVENINGS", "1"))

app = Flask(__name__)
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=4, max_size=16, open=True)


@app.get("/health")
def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


@app.get("/ticket")
def ticket() -> Response:
    """A seat for one of the evenings on sale."""
    return jsonify(seat=take(1 + random.randrange(EVENINGS), random.randrange(100_000)))


def take(event: int, buyer: int) -> int:
    """The number of a seat that is now the buyer's."""
    with pool.connection() as connection:
        row = connection.execute(
            "UPDATE events SET taken = taken + 1 WHERE id = %s RETURNING taken", (event,)
        ).fetchone()
        number = int(row[0]) if row else 0
        printer.print(f"evening {event}, seat {number}")
        connection.execute("INSERT INTO seats VALUES (%s, %s, %s)", (event, buyer, number))
    return number
