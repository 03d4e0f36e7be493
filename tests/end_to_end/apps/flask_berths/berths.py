"""Ships are given a berth at one of the piers, which takes the pilot a moment."""

import itertools
import os
import time
from threading import Lock

from flask import Flask, jsonify

SEED = int(os.environ.get("LOADLAB_SEED", "1"))
PILOT_S = 0.004 + 0.002 * (SEED % 4)
PIERS = [Lock() for _ in range(int(os.environ.get("PIERS", "1")))]

app = Flask(__name__)
ships = itertools.count()


def assign(ship):
    with PIERS[ship % len(PIERS)]:
        time.sleep(PILOT_S)
    return ship % 7


@app.get("/up")
def up():
    return "ok"


@app.get("/assign")
def arrive():
    return jsonify(berth=assign(next(ships)))
