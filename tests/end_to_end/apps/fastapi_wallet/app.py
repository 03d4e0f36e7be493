"""Wallets: a balance each, changed by each payment after the books were asked. There is one, by default."""

import asyncio
import os
import random

import aiohttp
from fastapi import FastAPI

app = FastAPI()
WALLETS = int(os.environ["WALLETS"])
balances = [{"cents": 0} for _ in range(WALLETS)]
balance_locks = [asyncio.Lock() for _ in range(WALLETS)]
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
    whose = random.randrange(WALLETS)
    async with balance_locks[whose]:
        entry = await books()
        balances[whose]["cents"] += entry["cents"]
    return balances[whose]
