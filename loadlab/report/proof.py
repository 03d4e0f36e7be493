"""The slow-down experiment as rows: who was slowed, what it cost, and the interval with its place on a common axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadlab.diagnosis.model import Diagnosis
from loadlab.report.words import NAMES, percent

LOW, HIGH = -0.5, 2.0
"""The axis of elasticities; what lies beyond is drawn at its end."""


@dataclass(frozen=True)
class Row:
    """One candidate. low_at, at, high_at: per cent of the axis' length."""

    name: str
    says: str
    elasticity: float
    low: float
    high: float
    low_at: float
    at: float
    high_at: float
    blamed: bool


def rows(diagnosis: Diagnosis) -> tuple[Row, ...]:
    """Most elastic first."""
    measured: dict[str, Any] = diagnosis.signals.get("elasticity") or {}
    first = diagnosis.bottleneck.service if diagnosis.bottleneck is not None else ""
    found = [_row(name, each, name == first) for name, each in measured.items()]
    return tuple(sorted(found, key=lambda each: (-each.elasticity, each.name)))


def _row(name: str, each: dict[str, Any], blamed: bool) -> Row:
    value, low, high, share = (float(each[key]) for key in ("value", "low", "high", "share"))
    says = _says(name, value, low, share)
    return Row(NAMES.get(name, name), says, value, low, high, at(low), at(value), at(high), blamed)


def _says(name: str, value: float, low: float, share: float) -> str:
    who = NAMES.get(name, name)
    who = f"the {who}" if who == "load generator" else who
    start = f"slowing {who} by {percent(share)}"
    if low <= 0:
        return f"{start} cost nothing that can be told from chance"
    return f"{start} cost {percent(value * share)} of throughput"


def at(value: float) -> float:
    """Where an elasticity lies on the axis, in per cent of its length."""
    return round(100 * (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW), 2)
