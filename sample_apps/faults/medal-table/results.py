"""All results of the games, heats among them. GET /medals counts how often each country came first, second, third."""

from __future__ import annotations

import os
import random

from flask import Flask, Response, jsonify

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
COUNTRIES = 80
STARTS = draw.randrange(2_400_000, 2_800_000)
WHO, PLACE = draw.randbytes(STARTS), draw.randbytes(STARTS)


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/medals")
def medals() -> Response:
    """Of each country, most first places first."""
    count = [[0] * 8 for _ in range(COUNTRIES)]
    for who, place in zip(WHO, PLACE, strict=True):
        count[who % COUNTRIES][place % 8] += 1
    rows = [[f"country {number}", *each] for number, each in enumerate(count)]
    return jsonify({"medals": sorted(rows, key=lambda row: row[1:], reverse=True)})
