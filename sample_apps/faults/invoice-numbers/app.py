"""Invoices, numbered without a gap, each registered with the tax office."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, jsonify
from office import Office
from series import Series

app = Flask(__name__)
series = Series(Path(os.environ["SERIES"]) / "invoices.number")
office = Office(int(os.environ["OFFICE_PORT"]))
REGISTER = os.environ.get("REGISTER", "within")


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/invoice")
def invoice() -> Response:
    """The next number, and the office's mark for it."""
    if REGISTER == "within":
        with series.next() as number:
            mark = office.register(number)
    else:
        with series.next() as number:
            pass
        mark = office.register(number)
    return jsonify({"number": number, "mark": mark})
