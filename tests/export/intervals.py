"""Intervals as a generator sends them."""

from __future__ import annotations

from array import array
from typing import Any

from loadlab.load import EndpointInterval, Failures, LoadInterval


def interval(second: int, latency_us: tuple[int, ...] = (1000, 2000, 4000), **more: Any) -> LoadInterval:
    """One second: these answers of GET /, and one failure of POST /orders after 5 ms."""
    good = array("I", latency_us)
    fields = {"users": 8, "in_flight": 2, "sent": len(good) + 3, "connects": 1, "bytes_received": 900} | more
    return LoadInterval(
        start=float(second),
        end=second + 1.0,
        succeeded=len(good),
        failed=1,
        endpoints=(
            EndpointInterval("GET /", "ok", good, array("I", (each // 2 for each in good))),
            EndpointInterval("POST /orders", "fail", array("I", (5000,)), array("I", (5000,))),
        ),
        schedule_lag_us=array("I", (10,) * (len(good) + 1)),
        reader_lag_us=array("I", (20,) * (len(good) + 1)),
        errors=(Failures("POST /orders", "HTTP 500", 1, second + 0.5, second + 0.5),),
        **fields,
    )
