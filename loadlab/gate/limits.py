"""The limits of a profile against what was measured. A limit without samples fails: silence is not a pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlab.diagnosis.model import LimitResult
from loadlab.recording.model import Recording
from loadlab.signals.course import held
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured

LATENCIES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")


def judge(recording: Recording) -> tuple[LimitResult, ...]:
    """Every limit of the profile, over the measured window; latencies are those of successful requests. A breakpoint is
    judged at the last level that held: what ended it is no failure, and a throughput that was wanted must be there."""
    profile = recording.meta.profile
    wanted = [("", profile.get("limits") or {}), *sorted((profile.get("endpoint_limits") or {}).items())]
    window = _window(recording)
    results = []
    for endpoint, limits in wanted:
        for metric, limit in sorted(limits.items()):
            if limit is not None:
                measured_value = None if window is None else _measure(recording, window, endpoint, metric)
                results.append(_result(endpoint, metric, limit, measured_value))
    return tuple(results)


def _window(recording: Recording) -> Window | None:
    level = held(recording)
    if level is not None:
        return Window(level.start, level.end, level.phase)
    try:
        return measured(recording)
    except Missing:
        return None


def _result(endpoint: str, metric: str, limit: float | Mapping[str, Any], value: float | None) -> LimitResult:
    low, high = (limit.get("min"), limit.get("max")) if isinstance(limit, Mapping) else (None, limit)
    passed = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return LimitResult(endpoint, metric, low, high, value, passed)


def _measure(recording: Recording, window: Window, endpoint: str, metric: str) -> float | None:
    if metric in LATENCIES:
        found = recording.quantiles(window.start, window.end, endpoint=endpoint or None, result="ok")
        return None if found is None or found.count == 0 else float(getattr(found, metric))
    good, bad, seconds = _counts(recording, window, endpoint)
    if good + bad == 0:
        return None
    return bad / (good + bad) if metric == "error_rate" else good / seconds


def _counts(recording: Recording, window: Window, endpoint: str) -> tuple[float, float, float]:
    if not endpoint:
        return counts(recording, window)
    chosen = Recording(recording.meta, requests=tuple(each for each in recording.requests if each.endpoint == endpoint))
    return counts(chosen, window)
