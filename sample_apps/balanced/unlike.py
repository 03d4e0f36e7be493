"""The shop on servers that are not alike: for samples of what a balancer makes of that.

TIMES="1,1,3" has the third instance do every page three times: as long as a server a third as fast would take.
WAITS_MS="0,0,40" has it wait 40 ms before each, as one does that is far away or has a slow disk. INSTANCE says which
one this is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from shop.app import app as shop

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def mine(name: str, usual: str) -> float:
    """This instance's entry of a list in the environment."""
    entries = os.environ.get(name, usual).split(",")
    return float(entries[int(os.environ.get("INSTANCE", "0")) % len(entries)])


TIMES, WAIT_S = int(mine("TIMES", "1")), mine("WAITS_MS", "0") / 1000


async def nothing(_: Message) -> None:
    """Where an answer goes that nobody gets."""


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The shop, later or with more effort."""
    if scope["type"] == "http" and scope["path"] == "/catalog":
        if WAIT_S:
            await asyncio.sleep(WAIT_S)
        for _ in range(TIMES - 1):
            await shop(dict(scope), receive, nothing)
    await shop(scope, receive, send)
