"""Local ports taken by connections to each destination, against those that may be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.recording.model import Entity, Recording, Series
from loadlab.signals.missing import Missing
from loadlab.signals.rates import peak
from loadlab.signals.windows import Window

NINE_TENTHS = 0.9
"""Of the ports taken: what `ports.nine_tenths_within` is about."""


NEARLY = 0.9
"""Share of the most that were taken, at which they are nearly as many."""

LATE = 0.75
"""Share of the time, from the first that was taken to the last look, after which that is shortly before the end. At a
steady rate nine tenths are reached after nine tenths of it, as none is given back within a minute; who has no more
ports takes no more."""


@dataclass(frozen=True)
class Destination:
    """One address that connections were made to, over the whole run. taken, lingering: most local ports at a time, and
    most of them in TIME_WAIT; span: ports there are between the bounds of those that were taken, but for a few that lie
    apart; given: ports that the kernel gives to callers; callers: services that may have made them, "generator" among
    them."""

    entity: Entity
    taken: float
    lingering: float
    span: float
    given: float | None
    callers: tuple[str, ...]
    still_growing: bool = False
    """Whether nearly as many were first taken shortly before the end."""

    @property
    def room(self) -> float:
        """Ports there are: those between the bounds seen, of a caller with a range of its own; else the kernel's."""
        return min(self.span, self.given) if self.given else self.span

    @property
    def share(self) -> float:
        """Of the ports there are, how many were taken."""
        return min(1.0, self.taken / self.room) if self.room > 0 else 0.0


def compute(recording: Recording) -> tuple[Destination, ...]:
    """Most taken first. Raises Missing where ports were not sampled."""
    whole = Window(0.0, max(recording.end, 0.1))
    taken = recording.series("ports.taken")
    if not taken:
        if not recording.series("host.tcp_time_wait"):
            raise Missing("local ports were not sampled")
        return ()

    def most(metric: str, entity: Entity, *, lowest: bool = False) -> float | None:
        series = next((each for each in recording.series(f"ports.{metric}") if each.entity == entity), None)
        if series is None:
            return None
        values = series.v[~np.isnan(series.v)]
        if not len(values):
            return None
        return float(values.min()) if lowest else float(values.max())

    found = []
    for series in taken:
        span = _within(recording, series)
        if span is None:
            low, high = most("lowest", series.entity, lowest=True), most("highest", series.entity)
            span = high - low + 1 if low is not None and high is not None else 0.0
        found.append(
            Destination(
                series.entity,
                peak(series, whole) or 0.0,
                most("lingering", series.entity) or 0.0,
                span,
                most("given", series.entity),
                _callers(recording, series.entity.service),
                _still_growing(series),
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.taken, each.entity.name)))


def _still_growing(taken: Series) -> bool:
    """The kernel hands out ports one after the other, so that those taken within a minute lie close together as if
    they were a range; but then their number grows."""
    known = ~np.isnan(taken.v)
    t, v = taken.t[known], taken.v[known]
    if not len(v) or v.max() <= 0:
        return False
    first, reached = t[v > 0][0], t[v >= NEARLY * v.max()][0]
    return bool(reached > first + LATE * (t[-1] - first))


def _within(recording: Recording, taken: Series) -> float | None:
    """The ports there are, by how close together most of them lay when most were taken; None of a recording that does
    not say."""
    series = next((each for each in recording.series("ports.nine_tenths_within") if each.entity == taken.entity), None)
    if series is None or not len(taken.v) or np.isnan(taken.v).all():
        return None
    at = np.interp(taken.t[int(np.nanargmax(taken.v))], series.t, series.v)
    return float(at) / NINE_TENTHS


def _callers(recording: Recording, service: str) -> tuple[str, ...]:
    seen = {each.entity.service for each in recording.series("edges.connections") if _to(each.entity.name) == service}
    meant = {each.name for each in recording.meta.services if service in each.uses or each.upstream == service}
    front = {"generator"} if service == recording.meta.target else set()
    return tuple(sorted(seen - {"loadlab"} | meant | front))


def _to(name: str) -> str:
    return name.rpartition("/")[0]
