"""Differences of counters and means of gauges, NaN-safe. Every other signal stands on these."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from loadlab.recording.model import Floats, Series
from loadlab.signals.windows import Window


def rate(series: Series) -> Series:
    """Growth per second of a counter between neighbouring samples, at the later sample's time.

    A counter that goes backwards (its process was replaced) gives NaN for that step, never a negative rate.
    """
    good = ~np.isnan(series.v)
    t, v = series.t[good], series.v[good]
    if len(t) < 2:
        return Series(series.entity, series.metric, t[:0], v[:0])
    step = np.diff(t)
    growth = np.diff(v)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_s = np.where((growth >= 0) & (step > 0), growth / step, np.nan)
    return Series(series.entity, series.metric, t[1:], per_s)


def increase(series: Series, window: Window) -> float:
    """How much a counter grew within the window, interpolated at both ends; 0.0 where it was not seen there.

    A counter that begins inside the window (a process started then) counts from its first sample.
    """
    t, v = series.t, series.v
    if math.isnan(v.dot(v)):  # a sum of squares is one only where one of them is
        good = ~np.isnan(v)
        t, v = t[good], v[good]
    if len(t) < 2:
        return 0.0
    first, last = t.item(0), t.item(-1)
    if last <= window.start or first >= window.end:
        return 0.0
    return max(0.0, _value(t, v, min(window.end, last)) - _value(t, v, max(window.start, first)))


def _value(t: Floats, v: Floats, moment: float) -> float:
    """np.interp of one moment within t, without what that does around it: a diagnosis asks thousands of times."""
    at = int(t.searchsorted(moment, "right")) - 1
    low: float = v.item(at)
    if at == len(t) - 1:
        return low
    before = t.item(at)
    found: float = (v.item(at + 1) - low) / (t.item(at + 1) - before) * (moment - before) + low
    return found


def per_second(series: Series, window: Window) -> float:
    """`increase` over the window's length: for CPU seconds, cores."""
    return increase(series, window) / window.length if window.length > 0 else 0.0


def mean(series: Series, window: Window) -> float | None:
    """Mean of a gauge in the window; None where it was not seen."""
    v = series.between(window.start, window.end).v
    v = v[~np.isnan(v)]
    return float(v.mean()) if len(v) else None


def peak(series: Series, window: Window) -> float | None:
    """Largest value of a gauge in the window; None where it was not seen."""
    v = series.between(window.start, window.end).v
    v = v[~np.isnan(v)]
    return float(v.max()) if len(v) else None


def total(many: Iterable[Series], window: Window) -> float:
    """Sum of `per_second` over several counters."""
    return sum(per_second(each, window) for each in many)
