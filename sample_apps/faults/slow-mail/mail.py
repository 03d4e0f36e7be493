"""Sends the mails that confirm orders, through a mail server that takes its time."""

from __future__ import annotations

import asyncio
import os
import random

from redis.asyncio import Redis
from redis.exceptions import ResponseError

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
DELIVERY_S = draw.uniform(0.018, 0.030)
AT_ONCE = int(os.environ.get("AT_ONCE", "1"))
STREAM, GROUP = "confirmations", "mail"


async def deliver(queue: Redis, name: str) -> None:
    """One line to the mail server: a mail after the other."""
    while True:
        for _, entries in await queue.xreadgroup(GROUP, name, {STREAM: ">"}, count=1, block=5000) or []:
            for entry, _ in entries:
                await asyncio.sleep(DELIVERY_S)
                await queue.xack(STREAM, GROUP, entry)


async def main() -> None:
    """As many lines as are allowed."""
    queue = Redis.from_url(os.environ["QUEUE_URL"])
    try:
        await queue.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError:
        print("another one made the group")
    await asyncio.gather(*(deliver(queue, f"line-{number}") for number in range(AT_ONCE)))


asyncio.run(main())
