"""Scaled services in made recordings: how many instances served, what the scaler saw, what it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from loadlab.recording.model import Entity, Event
from loadlab.signals.scaling import Change, Scaled, Second, Start
from tests.build import Builder

POLICY: dict[str, Any] = {
    "min": 1,
    "max": 4,
    "metric": "cpu",
    "out_above": 70.0,
    "in_below": 30.0,
    "out_cooldown_s": 5.0,
    "in_cooldown_s": 10.0,
    "over_s": 3.0,
}


@dataclass(frozen=True)
class Part:
    """A stretch of a run: so many seconds at a load, with a latency, the scaler's metric, and instances that serve."""

    seconds: int
    asked: float
    mean_ms: float | None
    value: float
    serving: float
    phase: str = "steady"


def scaled(*parts: Part, changes: Iterable[tuple[float, int]] = (), **policy: Any) -> Scaled:
    """What signals.scaling says of such a run; changes: (when, +1 or -1)."""
    rule = POLICY | policy
    made = tuple(Change(t, step, None) for t, step in changes)
    starts = tuple(Start(1, each.t, each.t + 2.0) for each in made if each.step > 0)
    limits = (rule["min"], rule["max"], rule["out_above"], rule["in_below"], rule["out_cooldown_s"], rule["over_s"])
    seconds = tuple(_seconds(parts))
    return Scaled("app", rule["metric"], *limits, made, starts, seconds, 50.0, 0.0, parts[-1].serving, 0.0)


def _seconds(parts: Iterable[Part]) -> Iterator[Second]:
    at = 0.0
    for part in parts:
        for _ in range(part.seconds):
            rps = 0.0 if part.mean_ms is None else 100.0
            yield Second(at, at + 1, part.mean_ms, rps, part.asked, part.value, part.serving, part.phase)
            at += 1


def add(
    built: Builder, name: str, *, serving: float, value: float, added_at: float | None = None, **policy: Any
) -> None:
    """Rows and events of the scaler of a service that is there already."""
    built.services[name] = replace(built.services[name], autoscale=POLICY | policy, instances=(POLICY | policy)["max"])
    entity = Entity("scaler", name)
    built.add("scaler.serving", entity, np.full(len(built.t), serving))
    built.add("scaler.value", entity, np.full(len(built.t), value))
    if added_at is not None:
        built.events.append(Event(added_at, "scaled", name, 1, data={"direction": "out", "value": value}))
