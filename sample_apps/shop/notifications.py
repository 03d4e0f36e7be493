"""The service that tells customers what happened to their orders: it consumes events and answers nobody.

python -m shop.notifications
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from .events import open_events

TEXTS = {
    "ordered": "Thank you, customer {user}: order {order} over {cents} cents is on its way.",
    "paid": "Thank you: {cents} cents for order {order} have arrived.",
}


def letter(event: dict[str, Any]) -> str:
    """The text of a mail. Raises KeyError for an event of another kind."""
    return TEXTS[event["kind"]].format(**event)


async def work(url: str, name: str, delivery_s: float) -> None:
    """One line to the mail server: a letter after the other."""
    async for event in open_events(url).consume(name):
        letter(event)
        await asyncio.sleep(delivery_s)


async def main() -> None:
    """SHOP_EVENTS: from where; SHOP_LINES: how many at once; SHOP_DELIVERY_MS: how long a delivery takes."""
    lines = int(os.environ.get("SHOP_LINES", "8"))
    delivery_s = float(os.environ.get("SHOP_DELIVERY_MS", "2")) / 1000
    url = os.environ["SHOP_EVENTS"]
    await asyncio.gather(*(work(url, f"line-{os.getpid()}-{each}", delivery_s) for each in range(lines)))


if __name__ == "__main__":
    asyncio.run(main())
