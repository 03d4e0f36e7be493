"""Books that take a few milliseconds to enter something, any number at a time."""

import asyncio
import random

from fastapi import FastAPI

app = FastAPI()


@app.get("/up")
async def up():
    return {}


@app.post("/enter")
async def enter():
    await asyncio.sleep(random.uniform(0.008, 0.012))
    return {"cents": random.randrange(100)}
