"""Reports, made by a device that takes its time; plain functions, as FastAPI runs them in its pool of threads."""

import time

from fastapi import FastAPI

app = FastAPI()


def device():
    time.sleep(0.05)
    return 7


@app.get("/report")
def report():
    return {"value": device()}
