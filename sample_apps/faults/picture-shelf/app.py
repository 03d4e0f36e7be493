"""The newest pictures of a folder. LOOK: "each time", or "once"."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from flask import Flask, Response, jsonify
from werkzeug.serving import make_server

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SHELF = Path(os.environ["SHELF"])
PICTURES = draw.randrange(400, 900)

app = Flask(__name__)


def fill() -> None:
    """A folder with that many pictures."""
    SHELF.mkdir(parents=True, exist_ok=True)
    for number in range(PICTURES):
        (SHELF / f"{number}.jpg").write_bytes(b"\xff\xd8")


def ages() -> list[tuple[int, str]]:
    """(changed, name) of every picture."""
    folder = os.open(SHELF, os.O_RDONLY)
    try:
        return [(os.stat(name, dir_fd=folder).st_mtime_ns, name) for name in NAMES]
    finally:
        os.close(folder)


fill()
NAMES = os.listdir(SHELF)
KNOWN = ages() if os.environ.get("LOOK") == "once" else []


@app.get("/health")
def health() -> str:
    """For whoever waits until it is up."""
    return "ok"


@app.get("/newest")
def newest() -> Response:
    """Ten names."""
    return jsonify([name for _, name in sorted(KNOWN or ages())[-10:]])


make_server("127.0.0.1", int(sys.argv[1]), app, threaded=False).serve_forever()
