"""Bookings. A request that carries a key and comes twice is answered twice the same, and booked once."""

from __future__ import annotations

import itertools
import os
import random
from collections import OrderedDict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

draw = random.Random(int(os.environ.get("LOADLAB_SEED", "1")))
SEATS = draw.randrange(150, 300)
KEPT_ANSWERS = int(os.environ.get("KEPT_ANSWERS", "0")) or None


class Answers:
    """Answers given, by the key of their request."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._given: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer this key got before."""
        return self._given.get(key)

    def keep(self, key: str, answer: dict[str, Any]) -> None:
        """Remembers an answer."""
        self._given[key] = answer
        if self._most is not None and len(self._given) > self._most:
            self._given.popitem(last=False)


answers = Answers(KEPT_ANSWERS)
numbers = itertools.count(1)


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def book(request: Request) -> Response:
    """Books a seat; the plan of the whole train comes back with it."""
    number = next(numbers)
    key = request.headers.get("idempotency-key", f"anonymous-{number}")
    answer = answers.get(key)
    if answer is None:
        plan = [{"seat": seat, "free": seat > number % SEATS} for seat in range(SEATS)]
        answer = {"booking": number, "plan": plan}
        answers.keep(key, answer)
    return JSONResponse(answer)


app = Starlette(routes=[Route("/health", health), Route("/book", book)])
