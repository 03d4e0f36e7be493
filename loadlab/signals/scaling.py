"""Scaled services: how many instances took requests when, what the scaler did and why, how users fared meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Floats, Recording, Series, ServiceMeta
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured

SMOOTH_S = 5.0
"""Over which arrivals of a replayed log are counted: ten a second are then known to 14%."""


@dataclass(frozen=True)
class Change:
    """A decision: step 1 adds an instance, -1 takes one away."""

    t: float
    step: int
    value: float | None


@dataclass(frozen=True)
class Start:
    """An instance that was added. decided, joined: seconds; joined None where it never took requests."""

    instance: int
    decided: float
    joined: float | None


@dataclass(frozen=True)
class Second:
    """About a second of the run. mean_ms: of the requests answered well, None where there were none; rps: those.
    asked: users of the closed model, arrivals a second of the open one; value: of the scaler's metric; serving:
    instances that took requests. NaN where it is not known."""

    start: float
    end: float
    mean_ms: float | None
    rps: float
    asked: float
    value: float
    serving: float
    phase: str


@dataclass(frozen=True)
class Scaled:
    """One service. Of the measured window: value, mean, None where it was not known; above: share of the looks at which
    it was above `out_above`; serving: mean; full: share of it during which `maximum` instances took requests. late_s:
    the metric is a mean over so many seconds, so it knows of a change that much later."""

    service: str
    metric: str
    minimum: int
    maximum: int
    out_above: float
    in_below: float
    out_cooldown_s: float
    late_s: float
    changes: tuple[Change, ...]
    starts: tuple[Start, ...]
    seconds: tuple[Second, ...]
    value: float | None
    above: float
    serving: float
    full: float

    def says(self, value: float) -> str:
        """`cpu 84%`, `in_flight 12.5`."""
        return f"cpu {value:.0f}%" if self.metric == "cpu" else f"{self.metric} {value:.1f}"


def compute(recording: Recording) -> tuple[Scaled, ...]:
    """Empty where nothing is scaled. Raises Missing where a scaler said nothing of what it did."""
    scaled = [each for each in recording.meta.services if each.autoscale]
    return tuple(_scaled(recording, each) for each in scaled) if scaled else ()


def throughout(recording: Recording, service: str, window: Window) -> tuple[int, ...]:
    """The instances of a scaled service that took requests all through a window."""
    since: dict[int, float] = {}
    for event in sorted(recording.events, key=lambda each: each.t):
        if event.service != service or event.t >= window.end:
            continue
        if event.kind == "joined" and event.t <= window.start:
            since[event.instance] = event.t
        elif event.kind == "left":
            since.pop(event.instance, None)
    return tuple(sorted(since))


def _scaled(recording: Recording, meta: ServiceMeta) -> Scaled:
    serving, value = _series(recording, "serving", meta.name), _series(recording, "value", meta.name)
    window, policy = measured(recording), meta.autoscale
    inside = serving.between(window.start, window.end).v
    if not len(inside):
        raise Missing(f"the scaler of {meta.name} wrote nothing down in the measured window")
    values = value.between(window.start, window.end).v
    known = values[~np.isnan(values)]
    return Scaled(
        meta.name,
        str(policy["metric"]),
        int(policy["min"]),
        int(policy["max"]),
        float(policy["out_above"]),
        float(policy["in_below"]),
        float(policy["out_cooldown_s"]),
        float(policy["over_s"]),
        _changes(recording, meta.name),
        _starts(recording, meta.name),
        _seconds(recording, value, serving),
        float(known.mean()) if len(known) else None,
        float((known > float(policy["out_above"])).mean()) if len(known) else 0.0,
        float(inside.mean()),
        float((inside >= int(policy["max"])).mean()),
    )


def _series(recording: Recording, name: str, service: str) -> Series:
    found = recording.series(f"scaler.{name}", service=service)
    if not found:
        raise Missing(f"the scaler of {service} wrote nothing down")
    return found[0]


def _changes(recording: Recording, service: str) -> tuple[Change, ...]:
    return tuple(
        Change(each.t, 1 if each.data.get("direction") == "out" else -1, each.data.get("value"))
        for each in recording.events
        if each.kind == "scaled" and each.service == service
    )


def _starts(recording: Recording, service: str) -> tuple[Start, ...]:
    mine = [each for each in recording.events if each.service == service]
    decided = [each for each in mine if each.kind == "scaled" and each.data.get("direction") == "out"]
    found = []
    for each in decided:
        again = min((more.t for more in decided if more.t > each.t and more.instance == each.instance), default=np.inf)
        joined = [
            event.t
            for event in mine
            if event.kind == "joined" and event.instance == each.instance and each.t <= event.t < again
        ]
        found.append(Start(each.instance, each.t, min(joined, default=None)))
    return tuple(found)


def _seconds(recording: Recording, value: Series, serving: Series) -> tuple[Second, ...]:
    """All endpoints of an interval together."""
    sums: dict[tuple[float, float], list[float]] = {}
    for each in recording.requests:
        known = sums.setdefault((each.start, each.end), [0.0, 0.0])
        if each.result == "ok":
            known[0] += each.count
            known[1] += each.sum_ms
    asked = _asked(recording)
    found = []
    for (start, end), (count, total) in sorted(sums.items()):
        middle = (start + end) / 2
        phase = next((each.name for each in recording.phases if each.start <= middle < each.end), "")
        found.append(
            Second(
                start,
                end,
                total / count if count else None,
                count / (end - start) if end > start else 0.0,
                asked(middle),
                _at(value, middle),
                _at(serving, middle),
                phase,
            )
        )
    return tuple(found)


def _asked(recording: Recording) -> Callable[[float], float]:
    """The load at a moment, as it was asked for: not what came of it."""
    if recording.meta.profile.get("model") != "open":
        users = next(iter(recording.series("generator.users")), None)
        return lambda t: _at(users, t)
    if recording.meta.profile.get("shape") == "replay":
        due = next(iter(recording.series("generator.due")), None)
        return lambda t: (_at(due, t + SMOOTH_S / 2) - _at(due, t - SMOOTH_S / 2)) / SMOOTH_S
    levels = [each for each in recording.levels if each.rate > 0]
    return lambda t: next((each.rate for each in levels if each.start <= t <= each.end), float("nan"))


def _at(series: Series | None, t: float) -> float:
    """A gauge at a moment; NaN where it was not seen."""
    if series is None:
        return float("nan")
    good: Floats = ~np.isnan(series.v)
    if not good.any():
        return float("nan")
    return float(np.interp(t, series.t[good], series.v[good], left=np.nan, right=np.nan))
