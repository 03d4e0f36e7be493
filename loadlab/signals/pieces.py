"""Messages sent in pieces: who keeps back the last one until the first is acknowledged, and how long that takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals.far_ends import far_end
from loadlab.signals.flying import in_flight
from loadlab.signals.latency import counts
from loadlab.signals.missing import Missing
from loadlab.signals.rates import mean, per_second
from loadlab.signals.windows import Window, measured

Held = dict[tuple[str, str], float]
"""Connections, by who sends and whom it asks: "" of answers."""


@dataclass(frozen=True)
class View:
    """One stretch of the run. share: of all requests under way, those that wait for this, at most 1; late: share of
    the waits in which the other end delays to acknowledge; per_s: messages; ms: what waiting adds to one (Little's
    law), infinite where none is answered."""

    share: float
    late: float
    per_s: float
    ms: float


@dataclass(frozen=True)
class Pieces:
    """Of one sender. to: the service or address it asks; "" of its answers. now: in the measured window; rising: while
    the limit was searched for, its levels weighing the same; None where it was not."""

    sender: str
    to: str
    now: View
    rising: View | None = None


def compute(recording: Recording) -> tuple[Pieces, ...]:
    """Most first; senders without any are left out. Raises Missing where none is known to wait, and answers or
    questions were not sampled, or the kernel does not tell."""
    window, search = measured(recording), recording.phase("search")
    levels = [Window(each.start, each.end) for each in recording.levels if each.phase == "search"]
    now = _views(recording, window, [window])
    rising = _views(recording, Window(search.start, search.end), levels) if search and levels else {}
    found = [
        Pieces(sender, to, now.get((sender, to), NOTHING), rising.get((sender, to)))
        for sender, to in sorted(now.keys() | rising.keys())
    ]
    if not found and not all(_told(recording, probe, window) for probe in ("sends", "edges")):
        raise Missing("what connections keep back was not sampled, or this kernel (before Linux 5.4) does not tell")
    return tuple(sorted(found, key=lambda each: -each.now.share))


def kept_back(recording: Recording, sender: str, parts: list[Window]) -> float:
    """Of all requests under way in these stretches of the run, in 0..1: those whose answers `sender` has written, and
    its kernel keeps back. 0 where that was not sampled."""
    held = sum(_held(recording, "held", part)[(sender, "")] * part.length for part in parts)
    under_way = sum(in_flight(recording, part) * part.length for part in parts)
    return min(1.0, held / under_way) if under_way > 0 else 0.0


NOTHING = View(0.0, 0.0, 0.0, 0.0)


def _told(recording: Recording, probe: str, window: Window) -> bool:
    return any(mean(each, window) is not None for each in recording.series(f"{probe}.held"))


def _views(recording: Recording, whole: Window, parts: list[Window]) -> dict[tuple[str, str], View]:
    """By sender and whom it asks; those of which no message is answered are left out: nobody waits for these."""
    held, late = _held(recording, "held", whole), _held(recording, "held_late", whole)
    rates = _rates(recording, whole)
    shares: dict[tuple[str, str], list[float]] = defaultdict(list)
    for part in parts:
        flying = in_flight(recording, part)
        for key, waits in _held(recording, "held", part).items():
            if flying > 0:
                shares[key].append(min(1.0, waits / flying))
    return {
        key: View(sum(shares[key]) / len(shares[key]), late[key] / waits, rates[key], 1000 * waits / rates[key])
        for key, waits in held.items()
        if waits > 0 and rates.get(key, 0.0) > 0 and shares[key]
    }


def _held(recording: Recording, metric: str, window: Window) -> Held:
    sums: Held = defaultdict(float)
    for probe in ("sends", "edges"):
        for each in recording.series(f"{probe}.{metric}"):
            to = far_end(each.entity.name)[0] if probe == "edges" else ""
            value = mean(each, window)
            if value is not None and each.entity.service not in ("generator", "loadlab"):
                sums[(each.entity.service, to)] += value
    return sums


def _rates(recording: Recording, window: Window) -> Held:
    """Messages a second. A question and its answer take at least a segment each, so there are at most as many as of the
    fewer (signals/calls.py)."""
    ways: list[Held] = [defaultdict(float), defaultdict(float)]
    for sums, metric in zip(ways, ("segments_out", "segments_in"), strict=True):
        for each in recording.series(f"edges.{metric}"):
            if each.entity.service not in ("generator", "loadlab"):
                sums[(each.entity.service, far_end(each.entity.name)[0])] += per_second(each, window)
    good, bad, seconds = counts(recording, window)
    found: Held = defaultdict(float, {(recording.meta.target, ""): (good + bad) / seconds if seconds > 0 else 0.0})
    for (source, to), rate in ways[0].items():
        answered = min(rate, ways[1][(source, to)])
        found[(source, to)] += answered
        found[(to, "")] += answered
    return found
