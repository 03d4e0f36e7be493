"""What is in the larder, with the price of each from the wholesaler's service."""

import asyncio
import json
import os
from urllib.request import urlopen

from fastapi import FastAPI

WHOLESALER = os.environ["WHOLESALER_URL"]
APART = os.environ["APART"] == "yes"
LARDER = {"flour": 12, "butter": 4, "eggs": 30}

app = FastAPI()


def ask(item: str) -> float:
    """The price of one."""
    with urlopen(f"{WHOLESALER}/price/{item}", timeout=10) as answer:
        body = answer.read()
    return float(json.loads(body)["price"])


@app.get("/larder/{item}")
async def worth(item: str) -> dict[str, object]:
    """One thing, and what all of it is worth."""
    number = LARDER.get(item, 0)
    price = await asyncio.to_thread(ask, item) if APART else ask(item)
    return {"item": item, "number": number, "worth": round(number * price, 2)}


@app.get("/health")
async def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"
