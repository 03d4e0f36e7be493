"""Requests that were turned away: how many, how quickly, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.recording.model import Level, Recording
from loadlab.signals import threads
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
    None with fewer than two such levels; grew: the largest over that at the lowest of them, or at the next
    while few are refused: before all places are taken more users bring more good answers.
    busy: of the busiest process of the system at the lowest such level, None where its threads were not looked at
    often enough, as of hundreds. At higher ones refusing itself keeps it busy: who is turned away at once comes back at
    once. slower: the median of good answers at that level over that with the fewest users of whom none were refused,
    None without such a level."""

    share: float
    code: str
    count: int
    fast_ms: float | None
    ok_ms: float | None
    by_balancer: dict[str, float]
    steady: float | None
    ok_rps: float
    grew: float | None = None
    busy: float | None = None
    slower: float | None = None


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
    every = _levels(recording)
    levels = [level for level, failed in every if failed >= FAILING]
    rates = [_good(recording, each) for each in levels]
    return Refusals(
        count / total,
        max(refused, key=lambda each: refused[each]),
        count,
        fast.p50_ms if fast else None,
        good.p50_ms if good else None,
        _by_balancer(recording, window),
        max(rates) / min(rates) if len(rates) >= 2 else None,
        ok / seconds if seconds else 0.0,
        _grew([failed for _, failed in every if failed >= FAILING], rates) if len(rates) >= 2 else None,
        _busy(recording, levels),
        _slower(recording, levels, [level for level, failed in every if not failed]),
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

BEGUN = 0.1
"""Share refused, up to which a limiter of places has only begun: a tenth finds none, as some come at one moment, while
others are free the next."""

SHORTEST_S = 0.3
"""Seconds of a level: in less, rates are of a handful of answers."""

EDGE_S = 0.05
"""Seconds cut from a level's end: the generator counts up to just before it, and at the next level, with twice the
users, ten thousand requests a second may be refused."""

FEWEST_SAMPLES = 15
"""Of a thread in a level, which lasts a second: a share has a standard error of 13 points at most, and what is asked is
whether there was any time left."""


def _levels(recording: Recording) -> list[tuple[Level, float]]:
    """Those that can be judged, and the share of each that failed; fewest users first. Where a profiler or the
    experiment disturbed the system nothing can."""
    found = []
    for level in recording.levels:
        good, bad, seconds = counts(recording, _inner(level))
        if level.phase not in ("stacks", "proof") and seconds >= SHORTEST_S and good > 0:
            found.append((level, bad / (good + bad)))
    return sorted(found, key=lambda each: (each[0].users, each[0].rate))


def _inner(level: Level) -> Window:
    return Window(level.start, level.end - EDGE_S)


def _good(recording: Recording, level: Level) -> float:
    good, _, seconds = counts(recording, _inner(level))
    return good / seconds


def _grew(refused: Sequence[float], rates: Sequence[float]) -> float:
    """refused: the shares of each level, fewest users first, like the rates of good answers there."""
    begun = next((index for index, share in enumerate(refused) if share >= BEGUN), 0)
    return min(max(rates[index:]) / rates[index] for index in range(begun + 1))


def _busy(recording: Recording, levels: list[Level]) -> float | None:
    if not levels:
        return None
    try:
        states = threads.compute(recording, _inner(levels[0]), FEWEST_SAMPLES)
    except Missing:
        return None
    services = {each.name for each in recording.meta.services}
    loops = [each for each in states.all if each.serves and each.entity.service in services]
    return max((max(each.busy, each.cores + each.run_delay) for each in loops), default=None)


def _slower(recording: Recording, levels: list[Level], calm: list[Level]) -> float | None:
    """A server that sheds load because it is full answers late whom it answers. calm: levels without a failure."""
    if not levels or not calm:
        return None
    alone, beside = (recording.quantiles(each.start, each.end, result="ok") for each in (calm[0], levels[0]))
    return beside.p50_ms / alone.p50_ms if alone and beside and alone.p50_ms > 0 else None
