"""A vault: opening it derives a key from the word that is said, which takes long on purpose."""

from __future__ import annotations

import hashlib
import os
import random

from fastapi import FastAPI

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
COST = draw.choice((2**14, 2**14 + 2**14))
SALT = draw.randbytes(16)

app = FastAPI()


@app.get("/health")
async def health() -> str:
    """For whoever waits until the service is up."""
    return "ok"


@app.get("/open")
def unlock(word: str = "sesame") -> dict[str, bool]:
    """Whether the word is right. In a thread of FastAPI's, for it takes a while."""
    key = hashlib.scrypt(word.encode(), salt=SALT, n=COST, r=8, p=1, maxmem=2**27)
    return {"open": key[0] == 7}
