"""Prices of a supplier, which come as a file of JSON: Flask under gunicorn, one process of sixteen threads."""

import json
import os
import random
import threading
import time
from pathlib import Path

from flask import Flask

app = Flask(__name__)
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FEED = Path(os.environ["DIR"]) / "prices.json"
MANY = 120_000 + draw.randrange(40_000)
kept = {"prices": {}, "changed": None}


def deliver():
    with FEED.open("w", encoding="utf-8") as file:
        rows = ({"id": n, "name": f"Part number {n}", "price": n * 1.01, "stock": [n % 7, n % 9]} for n in range(MANY))
        json.dump(list(rows), file)


def read_prices():
    changed = FEED.stat().st_mtime
    if os.environ.get("READ", "always") == "changed" and changed == kept["changed"]:
        return
    prices = {row["id"]: row for row in json.loads(FEED.read_text(encoding="utf-8"))}
    kept.update(prices=prices, changed=changed)


def keep_fresh():
    while True:
        time.sleep(2.5)
        read_prices()


deliver()
read_prices()
threading.Thread(target=keep_fresh, daemon=True).start()


@app.get("/up")
def up():
    return "ok"


@app.get("/price")
def price():
    return kept["prices"][random.randrange(MANY)]
