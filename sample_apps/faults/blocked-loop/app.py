"""Quotes in foreign currency: takes an amount in euro, adds our fee, converts at the bank's rate of the moment."""

from __future__ import annotations

import os

from rates import Rates
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

FEE = 0.015
IN_THREADS = os.environ.get("RATES_IN_THREADS", "no") == "yes"
rates = Rates("127.0.0.1", int(os.environ["BANK_PORT"]))


async def health(_: Request) -> Response:
    """For whoever waits until the service is up."""
    return PlainTextResponse("ok")


async def quote(request: Request) -> Response:
    """?amount= in euro, ?currency= -> the amount in that currency."""
    amount = float(request.query_params.get("amount", "100"))
    currency = request.query_params.get("currency", "usd")
    rate = await run_in_threadpool(rates.latest, currency) if IN_THREADS else rates.latest(currency)
    return JSONResponse({"currency": currency, "rate": rate, "amount": round(amount * (1 - FEE) * rate, 2)})


app = Starlette(routes=[Route("/health", health), Route("/quote", quote)])
