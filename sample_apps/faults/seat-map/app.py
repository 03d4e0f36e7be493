"""Sells the seats of a theatre and has each ticket printed."""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify
from hall import Hall

app = Flask(__name__)
hall = Hall(int(os.environ["PRINTER_PORT"]), at_once=os.environ.get("PRINT") == "at once")


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/seat")
def seat() -> Response:
    """The next free seat, and the number of its ticket."""
    row, number, ticket = hall.sell()
    return jsonify({"row": row, "seat": number, "ticket": ticket})
