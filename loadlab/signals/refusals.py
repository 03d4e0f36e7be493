"""Requests that were turned away: how many, how quickly, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.rates import per_second
from loadlab.signals.windows import Window, measured

CODES = ("HTTP 429", "HTTP 503")
"""Too Many Requests, and Service Unavailable, which nginx's limit_req and many gateways say instead."""


@dataclass(frozen=True)
class Refusals:
    """share: refused of all requests of the run; code: what most of them were told; fast_ms, ok_ms: medians in the
    measured window, None where not known; by_balancer: refusals per second that a balancer gave without asking a
    server, by its name; steady: the largest over the smallest rate of good answers among the levels with refusals,
    None with fewer than two such levels."""

    share: float
    code: str
    count: int
    fast_ms: float | None
    ok_ms: float | None
    by_balancer: dict[str, float]
    steady: float | None
    ok_rps: float


def compute(recording: Recording) -> Refusals:
    """Raises Missing where no request was made at all."""
    total = sum(each.count for each in recording.requests)
    if not total:
        raise Missing("no request was made")
    refused = {code: sum(each.count for each in recording.errors if each.error.startswith(code)) for code in CODES}
    count = sum(refused.values())
    window = measured(recording)
    fast = recording.quantiles(window.start, window.end, result="fail") if count else None
    good = recording.quantiles(window.start, window.end, result="ok") if count else None
    ok, _, seconds = counts(recording, window)
    return Refusals(
        count / total,
        max(refused, key=lambda each: refused[each]),
        count,
        fast.p50_ms if fast else None,
        good.p50_ms if good else None,
        _by_balancer(recording, window),
        _steady(recording),
        ok / seconds if seconds else 0.0,
    )


def _by_balancer(recording: Recording, window: Window) -> dict[str, float]:
    """What a balancer refused, less what the servers behind it refused."""
    found: dict[str, float] = {}
    for series in recording.series("nginx.rejected"):
        rate = per_second(series, window)
        name = series.entity.service
        found[name] = found.get(name, 0.0) + (-rate if series.entity.name else rate)
    return {name: rate for name, rate in found.items() if rate > 0.5}


FAILING = 0.02
"""Share of a level's requests that failed, from which on the limiter is at work."""


def _steady(recording: Recording) -> float | None:
    rates = []
    for level in recording.levels:
        good, bad, seconds = counts(recording, Window(level.start, level.end))
        if seconds >= 0.3 and good > 0 and bad >= FAILING * (good + bad):
            rates.append(good / seconds)
    return max(rates) / min(rates) if len(rates) >= 2 else None
