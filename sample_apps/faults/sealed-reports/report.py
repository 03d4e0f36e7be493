"""How a report is written."""

from __future__ import annotations

import gzip
import json
import random


def rows(draw: random.Random) -> bytes:
    """A day of measurements."""
    count = draw.randrange(800, 2500)
    return json.dumps(
        [{"t": 60 * each, "celsius": round(draw.gauss(12, 4), 2), "ok": draw.random() > 0.01} for each in range(count)]
    ).encode()


def sealed(text: bytes, *, as_is: bool) -> tuple[bytes, dict[str, str]]:
    """The body as it is sent, and its headers."""
    if as_is:
        return text, {}
    return gzip.compress(text, 9), {"content-encoding": "gzip"}
