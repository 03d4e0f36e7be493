"""Puts what was recorded on few enough points for a screen, without losing what was short: an hour is averaged (or its
worst kept), never sampled."""

from __future__ import annotations

import numpy as np

from loadlab.recording.model import Floats, Recording, Series

POINTS = 600
"""Points of a line: about two pixels each on a wide screen."""
FINEST_S = 0.5
"""Probes read twice a second at most."""
SHORTEST_S = 0.3
"""Phases cut the generator's seconds; a rate over less than this is mostly chance, so it is added to its neighbour."""
GAP, GAP_S = 3.0, 3.0
"""Samples further apart than this many times their usual distance, and than this many seconds (probes look once a
second or oftener), are not joined by a line: nobody looked between."""


def grid(recording: Recording) -> Floats:
    """Equal steps over the whole run."""
    end = max(recording.end, 1.0)
    found: Floats = np.linspace(0.0, end, int(min(POINTS, max(20, end / FINEST_S))))
    return found


def on(series: Series, points: Floats, *, worst: bool = False) -> Floats:
    """A series at these moments, evenly spaced or not: the mean (or the largest) of what lies nearest to each, joined
    by lines where it is coarser. NaN where it was not seen."""
    good = ~np.isnan(series.v)
    t, v = series.t[good], series.v[good]
    if len(t) < 2:
        return np.full(len(points), np.nan)
    usual = float(np.median(np.diff(t)))
    step = float(np.median(np.diff(points)))
    joined = _joined(t, v, points, max(GAP * usual, GAP_S, step))
    if usual > step / 2:
        return joined
    gathered = _gathered(t, v, points, worst)
    return np.where(np.isnan(gathered), joined, gathered)


def _joined(t: Floats, v: Floats, points: Floats, longest: float) -> Floats:
    found: Floats = np.interp(points, t, v, left=np.nan, right=np.nan)
    after = np.clip(np.searchsorted(t, points), 1, len(t) - 1)
    found[t[after] - t[after - 1] > longest] = np.nan
    return found


def _gathered(t: Floats, v: Floats, points: Floats, worst: bool) -> Floats:
    between = (points[1:] + points[:-1]) / 2
    # The first and the last moment reach as far out as they do in.
    inside = (t >= 2 * points[0] - between[0]) & (t <= 2 * points[-1] - between[-1])
    t, v = t[inside], v[inside]
    where = np.searchsorted(between, t, side="right")
    if worst:
        found = np.full(len(points), -np.inf)
        np.maximum.at(found, where, v)
        return np.where(np.isinf(found), np.nan, found)
    count = np.bincount(where, minlength=len(points))
    total = np.bincount(where, weights=v, minlength=len(points))
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)


def added(parts: list[Floats]) -> Floats:
    """The sum; NaN only where nothing at all is known."""
    stacked = np.vstack(parts)
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def seconds(recording: Recording) -> list[tuple[float, float]]:
    """The generator's own intervals, short ones joined to their neighbour, so many together that POINTS are enough."""
    edges = sorted({round(edge, 3) for each in recording.requests for edge in (each.start, each.end)})
    if len(edges) < 2:
        return []
    wanted = max(SHORTEST_S, (edges[-1] - edges[0]) / POINTS)
    found: list[tuple[float, float]] = []
    start = edges[0]
    for edge in edges[1:]:
        if edge - start >= wanted:
            found.append((start, edge))
            start = edge
    if start < edges[-1] and found:
        found[-1] = (found[-1][0], edges[-1])
    return found


def per_second(recording: Recording, windows: list[tuple[float, float]], result: str) -> Floats:
    """Requests with this result a second, in each window; a window in which nothing was answered has 0."""
    starts = np.array([start for start, _ in windows])
    lengths = np.array([end - start for start, end in windows])
    mine = [each for each in recording.requests if each.result == result]
    middles = np.array([(each.start + each.end) / 2 for each in mine])
    counts = np.array([each.count for each in mine], dtype=float)
    where = np.searchsorted(starts, middles, side="right") - 1
    kept = where >= 0
    found: Floats = np.bincount(where[kept], weights=counts[kept], minlength=len(windows)) / lengths
    return found


def percentiles(recording: Recording, windows: list[tuple[float, float]], names: tuple[str, ...]) -> dict[str, Floats]:
    """Exact percentiles of the good answers of each window, all endpoints together; without histograms the worst
    endpoint's."""
    found = {name: np.full(len(windows), np.nan) for name in names}
    for index, (start, end) in enumerate(windows):
        exact = recording.quantiles(start, end, result="ok")
        if exact is not None:
            for name in names:
                found[name][index] = getattr(exact, name)
    if all(np.isnan(each).all() for each in found.values()):
        _worst_endpoint(recording, windows, found)
    return found


def _worst_endpoint(recording: Recording, windows: list[tuple[float, float]], found: dict[str, Floats]) -> None:
    starts = [start for start, _ in windows]
    for each in recording.requests:
        where = int(np.searchsorted(starts, (each.start + each.end) / 2, side="right")) - 1
        if each.result == "ok" and where >= 0:
            for name, values in found.items():
                values[where] = np.fmax(values[where], getattr(each, name))
