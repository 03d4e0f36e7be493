"""The wholesaler's prices. Behind it stands a machine that answers when it answers."""

import asyncio
import os
import random

from fastapi import FastAPI

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
WAIT_S = draw.uniform(0.020, 0.045)

app = FastAPI()


@app.get("/price/{item}")
async def price(item: str) -> dict[str, float]:
    """One thing's price."""
    await asyncio.sleep(WAIT_S)
    return {"price": len(item) * 0.35}


@app.get("/health")
async def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"
