"""Throughput, errors and percentiles of the measured window."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Quantiles, Recording
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured


@dataclass(frozen=True)
class Latency:
    """Requests of the measured window. Rates in requests per second; `quantiles` None where no histogram was kept."""

    rps: float
    """Successful requests."""
    failed_rps: float
    count: int
    failed: int
    mean_ms: float | None
    quantiles: Quantiles | None
    uncorrected: Quantiles | None
    commonest_error: str = ""
    """Of the whole run: "HTTP 404 for GET /orders"; "" where nothing failed."""
    failed_ever: int = 0
    """Failures in the whole run."""

    @property
    def error_rate(self) -> float:
        """Failed over all, 0..1."""
        return self.failed / (self.count + self.failed) if self.count + self.failed else 0.0


def counts(recording: Recording, window: Window) -> tuple[float, float, float]:
    """Successful requests, failed requests, and seconds covered by the intervals that lie in the window.

    Intervals that only overlap count by their part inside: a rate is then right to well under one interval.
    """
    good = bad = 0.0
    for each in recording.requests:
        length = each.end - each.start
        inside = min(each.end, window.end) - max(each.start, window.start)
        if inside <= 0 or length <= 0:
            continue
        share = min(1.0, inside / length)
        if each.result == "ok":
            good += each.count * share
        else:
            bad += each.count * share
    return good, bad, window.length


def mean_ms(recording: Recording, window: Window) -> float | None:
    """What an answer took, good or bad, by intervals as in counts; None without any."""
    total = count = 0.0
    for each in recording.requests:
        inside = min(each.end, window.end) - max(each.start, window.start)
        if inside > 0 and each.end > each.start:
            share = min(1.0, inside / (each.end - each.start))
            total, count = total + each.sum_ms * share, count + each.count * share
    return total / count if count else None


def compute(recording: Recording) -> Latency:
    """Raises Missing where the window holds no request at all."""
    window = measured(recording)
    good, bad, seconds = counts(recording, window)
    if good + bad == 0:
        raise Missing(f"no request ended within the measured window{_instead(recording)}")
    quantiles = recording.quantiles(window.start, window.end, result="ok")
    uncorrected = recording.quantiles(window.start, window.end, what="uncorrected", result="ok")
    return Latency(
        rps=good / seconds,
        failed_rps=bad / seconds,
        count=round(good),
        failed=round(bad),
        mean_ms=quantiles.mean_ms if quantiles else _mean_ms(recording, window),
        quantiles=quantiles,
        uncorrected=uncorrected,
        commonest_error=_commonest_error(recording),
        failed_ever=sum(each.count for each in recording.errors),
    )


OF_THE_USERS = "(locustfile)"
"""The endpoint of what a locustfile's users raise themselves, outside of any request (load/_generator)."""


def _instead(recording: Recording) -> str:
    """What the users did instead of asking, where their tasks raised; "" otherwise."""
    raised = [each for each in recording.errors if each.endpoint == OF_THE_USERS]
    if not raised:
        return ""
    top = max(raised, key=lambda each: each.count)
    last = next((line.strip() for line in reversed(top.sample.splitlines()) if line.strip()), top.error)
    return f": the users of the locustfile raised {last.rstrip('.')}"


def _commonest_error(recording: Recording) -> str:
    top = max(recording.errors, key=lambda each: (each.count, each.endpoint), default=None)
    return f"{top.error} for {top.endpoint}" if top is not None else ""


def _mean_ms(recording: Recording, window: Window) -> float | None:
    inside = [
        each
        for each in recording.requests
        if each.result == "ok" and each.start >= window.start - 0.5 and each.end <= window.end + 0.5
    ]
    count = sum(each.count for each in inside)
    return sum(each.sum_ms for each in inside) / count if count else None
