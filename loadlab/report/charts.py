"""Time series for the page, thinned to what a screen can show. JSON-ready: None where nothing is known."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Floats, Recording, Series
from loadlab.signals.rates import rate

POINTS = 600
Line = dict[str, Any]


def data(recording: Recording, diagnosis: Diagnosis) -> dict[str, Any]:
    """Charts over time on one common grid, the levels, and the phases to shade behind them."""
    end = max(recording.end, 1.0)
    grid = np.linspace(0.0, end, min(POINTS, max(20, int(end * 2))))
    return {
        "t": [round(float(t), 2) for t in grid],
        "phases": [{"name": p.name, "start": round(p.start, 2), "end": round(p.end, 2)} for p in recording.phases],
        "charts": [each for each in _charts(recording, grid) if each["lines"]],
        "levels": list(diagnosis.signals.get("levels", [])),
    }


def _charts(recording: Recording, grid: Floats) -> list[dict[str, Any]]:
    return [
        {"title": "Throughput", "unit": "requests/s", "lines": _load(recording, grid)},
        {"title": "Latency", "unit": "ms", "log": True, "lines": _latency(recording, grid)},
        {"title": "CPU by service", "unit": "cores", "lines": _cpu(recording, grid)},
        {"title": "Event loops and workers: busy", "unit": "%", "lines": _busy(recording, grid)},
        {"title": "Resident memory", "unit": "MB", "lines": _memory(recording, grid)},
        {"title": "Requests outstanding, by edge", "unit": "requests", "lines": _edges(recording, grid)},
        {"title": "Longest accept queue", "unit": "connections", "lines": _queues(recording, grid)},
    ]


def _line(name: str, values: Floats, *, axis: str = "left") -> Line:
    shown = [None if np.isnan(v) else float(f"{v:.4g}") for v in values]
    return {"name": name, "axis": axis, "values": shown}


def on(series: Series, grid: Floats) -> Floats:
    """A series on the grid; NaN outside of where it was seen."""
    good = ~np.isnan(series.v)
    t, v = series.t[good], series.v[good]
    if len(t) < 2:
        return np.full(len(grid), np.nan)
    found: Floats = np.interp(grid, t, v, left=np.nan, right=np.nan)
    return found


def _summed(many: dict[str, list[Floats]]) -> list[Line]:
    lines = []
    for name, parts in sorted(many.items()):
        stacked = np.vstack(parts)
        values = np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))
        lines.append(_line(name, values))
    return lines


def _load(recording: Recording, grid: Floats) -> list[Line]:
    lines = []
    for result, name in (("ok", "answered"), ("fail", "failed")):
        values = _per_interval(recording, grid, result, lambda each: each.count / (each.end - each.start), sum_up=True)
        if not np.isnan(values).all():
            lines.append(_line(name, values))
    users = recording.series("generator.users")[:1]
    return [*lines, *(_line("users (right axis)", on(series, grid), axis="right") for series in users)]


def _latency(recording: Recording, grid: Floats) -> list[Line]:
    lines = []
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        values = _per_interval(recording, grid, "ok", lambda each, name=name: getattr(each, name), sum_up=False)
        if not np.isnan(values).all():
            lines.append(_line(name[:-3], values))
    return lines


def _per_interval(recording: Recording, grid: Floats, result: str, value: Any, *, sum_up: bool) -> Floats:
    """A figure of each interval, on the grid: added over endpoints, or the largest of them."""
    found = np.full(len(grid), np.nan)
    for each in recording.requests:
        if each.result == result and each.end > each.start:
            low, high = np.searchsorted(grid, [each.start, each.end])
            part = found[low:high]
            mine = float(value(each))
            found[low:high] = np.where(np.isnan(part), mine, part + mine if sum_up else np.maximum(part, mine))
    return found


def _cpu(recording: Recording, grid: Floats) -> list[Line]:
    parts: dict[str, list[Floats]] = defaultdict(list)
    for metric in ("process.cpu_user_s", "process.cpu_system_s"):
        for series in recording.series(metric):
            parts[series.entity.service].append(on(rate(series), grid))
    return _summed(parts)


def _memory(recording: Recording, grid: Floats) -> list[Line]:
    parts: dict[str, list[Floats]] = defaultdict(list)
    for series in recording.series("process.rss_bytes"):
        if series.entity.service != "loadlab":
            parts[series.entity.service].append(on(series, grid) / 2**20)
    return _summed(parts)


def _busy(recording: Recording, grid: Floats) -> list[Line]:
    """The busiest serving thread of each service: 1 - waiting for work / samples."""
    idle: dict[Any, Floats] = {}
    for metric in ("threads.idle_epoll", "threads.idle_accept"):
        for series in recording.series(metric):
            if len(series.v) and series.v[-1] >= 5:
                idle[series.entity] = idle.get(series.entity, np.zeros(len(grid))) + on(rate(series), grid)
    busiest: dict[str, Floats] = {}
    for series in recording.series("threads.samples"):
        if series.entity in idle and series.entity.service != "loadlab":
            with np.errstate(divide="ignore", invalid="ignore"):
                busy = 100 * np.clip(1 - idle[series.entity] / on(rate(series), grid), 0, 1)
            name = series.entity.service
            busiest[name] = np.fmax(busiest[name], busy) if name in busiest else busy
    return [_line(name, values) for name, values in sorted(busiest.items())]


def _edges(recording: Recording, grid: Floats) -> list[Line]:
    parts: dict[str, list[Floats]] = defaultdict(list)
    for series in recording.series("edges.outstanding"):
        if series.entity.service != "loadlab":
            parts[f"{series.entity.service} to {series.entity.name.partition('/')[0]}"].append(on(series, grid))
    return _summed(parts)[:8]


def _queues(recording: Recording, grid: Floats) -> list[Line]:
    parts: dict[str, list[Floats]] = defaultdict(list)
    for series in recording.series("sockets.accept_queue_max"):
        parts[series.entity.service].append(on(series, grid))
    return _summed(parts)
