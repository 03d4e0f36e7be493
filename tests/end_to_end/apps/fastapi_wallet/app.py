"""A wallet: one balance, changed by each payment after the books were asked."""

import asyncio
import os

import aiohttp
from fastapi import FastAPI

app = FastAPI()
balance = {"cents": 0}
balance_lock = asyncio.Lock()
BOOKS = f"http://127.0.0.1:{os.environ['LEDGER_PORT']}"


async def books() -> dict:
    if not hasattr(app.state, "session"):
        app.state.session = aiohttp.ClientSession()
    async with app.state.session.post(f"{BOOKS}/enter") as answer:
        return await answer.json()


@app.get("/up")
async def up():
    return {}


@app.get("/pay")
async def pay():
    async with balance_lock:
        entry = await books()
        balance["cents"] += entry["cents"]
    return balance
