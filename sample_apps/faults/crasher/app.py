"""Transfers between accounts. Books out of balance must not be used: the service then ends, with a code of its own."""

from __future__ import annotations

import logging
import os
import random

from ledger import Ledger, OutOfBalance
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

CORRUPT = 70
ACCOUNTS = 40
log = logging.getLogger("uvicorn.error")
draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
ledger = Ledger(
    accounts=ACCOUNTS,
    journal_s=draw.uniform(0.002, 0.005),
    audit_every=draw.randrange(4000, 6000),
    exclusive=os.environ.get("LEDGER_EXCLUSIVE", "no") == "yes",
)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def transfer(_: Request) -> Response:
    """Moves a small amount between two accounts."""
    source, target = random.sample(range(ACCOUNTS), 2)
    try:
        left = await ledger.transfer(source, target, random.randrange(1, 9))
    except OutOfBalance as error:
        log.critical("books out of balance: %s", error)
        os._exit(CORRUPT)
    return JSONResponse({"left": left})


app = Starlette(routes=[Route("/health", health), Route("/transfer", transfer)])
