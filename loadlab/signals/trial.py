"""What a remedy brought: throughput with the change over throughput without, from windows that took turns.

The two windows of a round lie side by side, so that drift of the machine cancels in their ratio. The gain is the
geometric mean of the ratios; its interval is Student's, over their logarithms: ratios of rates are skewed, their
logarithms are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

from loadlab.recording.model import Recording

FEWEST = 3
"""Rounds: below three a spread cannot be told from luck."""


@dataclass(frozen=True)
class Trial:
    """One remedy of one finding. why: why it was not tried, or came to nothing; then there are no figures.

    gain: factor of throughput; low, high: 95% interval; times: how much wider the change made the place, None where
    that says nothing. failed: share of requests that failed with the change.
    """

    kind: str
    service: str
    says: str
    why: str = ""
    times: float | None = None
    users: int = 0
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    failed: float = 0.0


def compute(recording: Recording) -> Trial | None:
    """None where no remedy was to be tried."""
    order = next((each for each in recording.events if each.kind == "trial"), None)
    if order is None:
        return None
    windows = [each.data for each in recording.events if each.kind == "tried"]
    data = order.data
    given: dict[str, Any] = {
        "kind": str(data.get("kind", "")),
        "service": order.service,
        "says": str(data.get("says", "")),
        "why": str(data.get("why", "")),
        "times": data.get("times"),
        "users": int(data.get("users") or 0),
    }
    ratios = _ratios(windows)
    empty = sum(int(each["completed"]) == 0 for each in windows)
    if empty and not given["why"]:
        given["why"] = f"nothing was answered in {empty} of {len(windows)} windows"
    if given["why"] or len(ratios) < FEWEST:
        return Trial(**given | {"why": given["why"] or "too few windows of it were counted to compare"})
    low, high = interval(ratios)
    gain = math.exp(fmean(map(math.log, ratios)))
    return Trial(**given, gain=gain, low=low, high=high, rounds=len(ratios), failed=_failed(windows))


def _ratios(windows: list[Mapping[str, Any]]) -> list[float]:
    """Of each round that has both windows, with something answered in each."""
    rates: dict[tuple[int, str], float] = {}
    for each in windows:
        length = float(each["end"]) - float(each["start"])
        if length > 0:
            rates[int(each["round"]), str(each["variant"])] = (int(each["completed"]) - int(each["failed"])) / length
    rounds = sorted({number for number, _ in rates})
    pairs = [(rates.get((number, "before"), 0.0), rates.get((number, "after"), 0.0)) for number in rounds]
    return [after / before for before, after in pairs if before > 0 and after > 0]


def _failed(windows: list[Mapping[str, Any]]) -> float:
    after = [each for each in windows if each["variant"] == "after"]
    total = sum(int(each["completed"]) for each in after)
    return sum(int(each["failed"]) for each in after) / total if total else 0.0


def interval(ratios: list[float]) -> tuple[float, float]:
    """95%, of their geometric mean. The quantile of Student's t is Cornish and Fisher's expansion of the normal one:
    within 1% from 4 degrees of freedom on, 5% too small at 2."""
    logs = [math.log(each) for each in ratios]
    degrees = len(logs) - 1
    z = NormalDist().inv_cdf(0.975)
    t = z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    half = t * stdev(logs) / math.sqrt(len(logs))
    return math.exp(fmean(logs) - half), math.exp(fmean(logs) + half)
