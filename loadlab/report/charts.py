"""What the page draws over time. JSON-ready; a chart without data says why, one that stayed at zero says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from loadlab.diagnosis.model import Diagnosis
from loadlab.recording.model import Entity, Floats, Recording, Series
from loadlab.report import timeline
from loadlab.report.words import NAMES
from loadlab.signals import ended, life
from loadlab.signals.rates import per_second, rate
from loadlab.signals.saturation import FLAT
from loadlab.signals.windows import Window

MOST_LINES = 8
"""Colours that can be told apart."""
TOLD = 0.02
"""Cores over the whole run, from which on children that ended have a line: a server's start takes less."""
Line = dict[str, Any]
Namer = Callable[[Entity], str]
"""Which line a series belongs to; "" for none."""
Value = Callable[[Series], Floats]
"""What of a series is drawn, on the grid."""


@dataclass(frozen=True)
class Chart:
    """One chart. `lines` share the times `t`; right: lines on the right axis; absent: why there is nothing to draw."""

    title: str
    unit: str
    t: list[float]
    lines: list[Line] = field(default_factory=list)
    log: bool = False
    absent: str = ""


def data(recording: Recording, diagnosis: Diagnosis) -> dict[str, Any]:
    """{"load": [chart], "services": [chart], "absent": [text], "phases", "marks", "levels", "knee", "end"}."""
    load, services = _load(recording), _services(recording)
    levels = list(diagnosis.signals.get("levels", []))
    return {
        "end": round(max(recording.end, 1.0), 2),
        "phases": [{"name": p.name, "start": round(p.start, 2), "end": round(p.end, 2)} for p in recording.phases],
        "marks": _marks(recording),
        "load": [_plain(each) for each in load if not each.absent],
        "services": [_coloured(_plain(each), recording) for each in services if not each.absent],
        "absent": {
            "load": [f"{each.title}: {each.absent}" for each in load if each.absent],
            "services": [f"{each.title}: {each.absent}" for each in services if each.absent],
        },
        "levels": levels,
        "knee": _found(diagnosis) or knee(levels, diagnosis.signals.get("saturation")),
    }


def _plain(chart: Chart) -> dict[str, Any]:
    return {"title": chart.title, "unit": chart.unit, "t": chart.t, "lines": chart.lines, "log": chart.log}


def _coloured(chart: dict[str, Any], recording: Recording) -> dict[str, Any]:
    """Gives every service the same colour in all charts."""
    names = [*(each.name for each in recording.meta.services), *NAMES.values()]
    for line in chart["lines"]:
        if line["name"] in names:
            line["colour"] = names.index(line["name"])
    return chart


def _found(diagnosis: Diagnosis) -> int | None:
    """The knee that the search of the run has found."""
    found = diagnosis.load.get("knee") or {}
    return max(1, round(found["at"])) if found.get("flat") else None


def knee(levels: list[dict[str, Any]], saturation: dict[str, Any] | None) -> int | None:
    """The fewest users with nearly the best throughput (within what signals.saturation calls flat); None where no limit
    was reached or there is nothing to compare."""
    if not saturation or not saturation.get("reached") or len(levels) < 2:
        return None
    best = max(each["rps"] for each in levels)
    return next((int(each["users"]) for each in levels if each["rps"] * FLAT >= best > 0), None)


def _marks(recording: Recording) -> list[dict[str, Any]]:
    """Exits nobody asked for, where the charts show them."""
    return [
        {"t": round(each.t, 2), "text": f"{'a worker of ' if each.worker else ''}{each.service} exited"}
        for each in life.compute(recording).exits
    ][:200]


def _load(recording: Recording) -> list[Chart]:
    windows = timeline.seconds(recording)
    if not windows:
        why = "no request was finished"
        return [Chart("Throughput", "requests/s", [], absent=why), Chart("Latency", "ms", [], absent=why)]
    middles = np.array([(start + end) / 2 for start, end in windows])
    t = _times(middles)
    good, bad = (timeline.per_second(recording, windows, result) for result in ("ok", "fail"))
    is_open = recording.meta.profile.get("model") == "open"
    series = () if is_open or len(t) < 2 else recording.series("generator.users")[:1]
    users = [timeline.on(each, middles) for each in series]
    due = [_per_second(each, windows) for each in recording.series("generator.due")[:1]] if is_open else []
    throughput = [
        _line("answered", good),
        *(_line("due", each) for each in due),
        *(_line("users (right axis)", each, axis="right") for each in users),
    ]
    latency = timeline.percentiles(recording, windows, ("p50_ms", "p95_ms", "p99_ms"))
    lines = [_line(name[:-3], values) for name, values in latency.items() if not np.isnan(values).all()]
    failed = "" if bad.any() else "none"
    asked = users or [timeline.per_second(recording, windows, "ok")]
    return [
        Chart("Throughput", "requests/s", t, throughput),
        *_instances(
            recording,
            middles,
            _line("users (right axis)" if users else "answered/s (right axis)", asked[0], axis="right"),
        ),
        Chart("Latency", "ms", t, lines, log=True, absent="" if lines else "no request succeeded"),
        Chart("Failed requests", "requests/s", t, [_line("failed", bad)], absent=failed),
    ]


def _per_second(counter: Series, windows: Sequence[tuple[float, float]]) -> Floats:
    """A counter's growth over the same windows as the answers are counted in: some are a few milliseconds long."""
    return np.array([per_second(counter, Window(start, end)) for start, end in windows])


def _instances(recording: Recording, middles: Floats, load: Line) -> list[Chart]:
    """How many instances of each scaled service took requests, over the load; no chart where nothing is scaled."""
    lines = [
        _line(f"{series.entity.service}{what}", timeline.on(series, middles, worst=True))
        for metric, what in (("scaler.serving", ""), ("scaler.starting", ", starting"))
        for series in recording.series(metric)
    ]
    return [Chart("Instances that take requests", "instances", _times(middles), [*lines, load])] if lines else []


def _scalers(recording: Recording, points: Floats) -> list[Chart]:
    """What each scaler looks at, between its limits."""
    charts = []
    for series in recording.series("scaler.value"):
        policy = next((each.autoscale for each in recording.meta.services if each.name == series.entity.service), {})
        unit = "% of what an instance may use" if policy.get("metric") == "cpu" else "requests per instance"
        ends = [
            _line(f"{name} = {policy[name]:g}", np.full(len(points), float(policy[name])))
            for name in ("out_above", "in_below")
            if name in policy
        ]
        seen = _line(str(policy.get("metric", "metric")), timeline.on(series, points))
        title = f"What the scaler of {series.entity.service} sees"
        charts.append(Chart(title, unit, _times(points), [seen, *ends]))
    return charts


def _services(recording: Recording) -> list[Chart]:
    points = timeline.grid(recording)
    t = _times(points)

    def summed(title: str, unit: str, metrics: Sequence[str], name: Namer, value: Value, quiet: str = "") -> Chart:
        parts: dict[str, list[Floats]] = defaultdict(list)
        for metric in metrics:
            for series in recording.series(metric):
                if called := name(series.entity):
                    parts[called].append(value(series))
        lines = [_line(called, timeline.added(many)) for called, many in sorted(parts.items())]
        return _chosen(Chart(title, unit, t, lines), _why(recording, metrics[0]), quiet)

    def gauge(series: Series) -> Floats:
        return timeline.on(series, points)

    def longest(series: Series) -> Floats:
        return timeline.on(series, points, worst=True)

    busy = Chart("Event loops and workers: busy", "%", t, _busy(recording, points))
    return [
        _cpu(recording, points),
        _chosen(busy, _why(recording, "threads.samples")),
        *_scalers(recording, points),
        summed("Resident memory", "MB", ("process.rss_bytes",), _watched, lambda each: gauge(each) / 1e6),
        summed("Requests outstanding", "requests", ("edges.outstanding",), _edge, gauge, "none was seen waiting"),
        summed("Open connections", "connections", ("sockets.established",), _watched, gauge, "none was open"),
        summed("Longest accept queue", "connections", ("sockets.accept_queue_max",), _watched, longest, "always empty"),
    ]


def _cpu(recording: Recording, points: Floats) -> Chart:
    """Of each service, with its children that ended; these have a line of their own, too, where they count."""
    parts: dict[str, list[Floats]] = defaultdict(list)
    for metric in ("process.cpu_user_s", "process.cpu_system_s"):
        for series in recording.series(metric):
            parts[_everybody(series.entity)].append(timeline.on(rate(series), points))
    brief = {each.entity.service: timeline.on(each, points) for each in ended.over_time(recording)}
    brief = {name: values for name, values in brief.items() if np.nan_to_num(values).mean() >= TOLD}
    for name, values in brief.items():
        parts[name].append(values)
    lines = [_line(name, timeline.added(many)) for name, many in sorted(parts.items())]
    lines += [_line(f"{name}: programs that ended", values) for name, values in sorted(brief.items())]
    return _chosen(Chart("CPU", "cores", _times(points), lines), _why(recording, "process.cpu_user_s"))


def _chosen(chart: Chart, why: str, quiet: str = "") -> Chart:
    """The chart with the lines that matter most; or why it is not drawn: nothing was seen, or only zeros."""
    seen = [each for each in chart.lines if any(value is not None for value in each["values"])]
    if not seen:
        return replace(chart, absent=why)
    if quiet and not any(value for each in seen for value in each["values"]):
        return replace(chart, absent=quiet)
    return replace(chart, lines=sorted(seen, key=_most, reverse=True)[:MOST_LINES])


def _most(line: Line) -> float:
    return max((value for value in line["values"] if value is not None), default=0.0)


def _why(recording: Recording, metric: str) -> str:
    probe = metric.partition(".")[0]
    ticks = recording.ticks.get(probe)
    if ticks is None:
        return f"the probe {probe} recorded nothing"
    if ticks.errors:
        return f"the probe {probe} failed: {ticks.errors[-1][1]}"
    return f"the probe {probe} saw nothing of this kind"


def _everybody(entity: Entity) -> str:
    return NAMES.get(entity.service, entity.service)


def _watched(entity: Entity) -> str:
    return "" if entity.service == "loadlab" else _everybody(entity)


def _edge(entity: Entity) -> str:
    target = entity.name.partition("/")[0]
    return f"{entity.service} to {target}" if entity.service != "loadlab" else ""


def _busy(recording: Recording, points: Floats) -> list[Line]:
    """The busiest serving thread of each service: 1 - waiting for work / samples."""
    idle: dict[Entity, Floats] = {}
    for metric in ("threads.idle_epoll", "threads.idle_accept"):
        for series in recording.series(metric):
            if len(series.v) and series.v[-1] >= 5:
                idle[series.entity] = idle.get(series.entity, np.zeros(len(points))) + timeline.on(rate(series), points)
    busiest: dict[str, Floats] = {}
    for series in recording.series("threads.samples"):
        name = _watched(series.entity)
        if series.entity in idle and name:
            with np.errstate(divide="ignore", invalid="ignore"):
                busy = 100 * np.clip(1 - idle[series.entity] / timeline.on(rate(series), points), 0, 1)
            busiest[name] = np.fmax(busiest[name], busy) if name in busiest else busy
    return [_line(name, values) for name, values in sorted(busiest.items())]


def _times(points: Floats) -> list[float]:
    return [round(float(each), 2) for each in points]


def _line(name: str, values: Floats, *, axis: str = "left") -> Line:
    shown = [None if np.isnan(value) else float(f"{value:.4g}") for value in values]
    return {"name": name, "axis": axis, "values": shown}
