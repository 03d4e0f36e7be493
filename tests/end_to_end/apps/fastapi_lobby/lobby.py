"""Tells guests their room, which the desk knows."""

import os
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI


@asynccontextmanager
async def life(app):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{os.environ['DESK_PORT']}") as app.state.desk:
        yield


app = FastAPI(lifespan=life)


@app.get("/guest")
async def guest(name: str = "Ada"):
    room = (await app.state.desk.get("/room")).json()
    return {"guest": name, **room}


@app.get("/up")
async def up():
    return "ok"
