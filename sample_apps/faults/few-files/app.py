"""Exports of a ledger: written to a temporary file in batches as the ledger delivers them, then sent as one."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import tempfile
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
BATCHES = draw.randrange(4, 8)
BATCH_S = draw.uniform(0.015, 0.025)
log = logging.getLogger("uvicorn.error")


async def ledger() -> AsyncIterator[bytes]:
    """The ledger's entries, in batches."""
    for batch in range(BATCHES):
        await asyncio.sleep(BATCH_S)
        yield b"".join(b"%d;%d;%d\n" % (batch, entry, entry * 17 % 100) for entry in range(40))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def export(_: Request) -> Response:
    """The whole ledger as one file."""
    try:
        with tempfile.TemporaryFile() as spool:
            async for batch in ledger():
                spool.write(batch)
            spool.seek(0)
            return Response(spool.read(), media_type="text/csv")
    except OSError as error:
        log.error("export failed: %s", error)
        return PlainTextResponse("export failed", status_code=500)


app = Starlette(routes=[Route("/health", health), Route("/export", export)])
