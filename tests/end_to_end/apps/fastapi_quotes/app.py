"""Quotes for removals. What was quoted is remembered, so that a customer can come back to it."""

import itertools
import os

from fastapi import FastAPI

app = FastAPI()
seed = int(os.environ.get("LOADLAB_SEED", "1"))
STEPS = 900 + seed * 7919 % 500
numbers = itertools.count()
quoted = {}


@app.get("/up")
async def up():
    return {}


def price(volume):
    total = 0.0
    for step in range(STEPS):
        total += (volume * step) % 13 * 0.25
    return total


@app.get("/quote")
async def quote():
    number = next(numbers)
    quoted[number] = [
        f"{number}:{item}:{price(item)}" if item == 0 else f"item {item} of {number}" for item in range(160)
    ]
    return {"number": number, "items": len(quoted[number])}
