"""Baskets of a market's stalls: each is asked of the stall's own till, which takes its time."""

import os
import random
import time

from flask import Flask, jsonify

app = Flask(__name__)
TILL_S = random.Random(int(os.environ.get("LOADLAB_SEED", "1"))).uniform(0.015, 0.030)


@app.get("/up")
def up():
    return "ok"


@app.get("/stalls/<int:stall>/basket")
def basket(stall):
    time.sleep(TILL_S)
    return jsonify(stall=stall, items=3)
