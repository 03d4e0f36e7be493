"""Reports, made by a device that takes its time; plain functions, as FastAPI runs them in its pool of threads."""

import os
import time
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI


@asynccontextmanager
async def threads(_):
    current_default_thread_limiter().total_tokens = int(os.environ["THREADS"])
    yield


app = FastAPI(lifespan=threads)


def device():
    time.sleep(0.05)
    return 7


@app.get("/report")
def report():
    return {"value": device()}
