"""Votes. Each is written down by a registrar far away, after the voter has the answer."""

import os
import random
import time

from fastapi import BackgroundTasks, FastAPI

chance = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
FAR_S = chance.uniform(0.25, 0.6)
LATER = os.environ.get("LATER", "yes") == "yes"
app = FastAPI()
votes = 0


def written_down() -> None:
    time.sleep(FAR_S)


@app.get("/vote")
def vote(tasks: BackgroundTasks) -> dict[str, int]:
    global votes
    votes += 1
    if LATER:
        tasks.add_task(written_down)
    return {"votes": votes}


@app.get("/open")
async def is_open() -> str:
    return "yes"
