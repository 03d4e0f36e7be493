"""Kinds of requests that each have a service behind the front to themselves, and how many of them are served at a time.

Little's law over all requests says how many the system serves at once, of which each kind may have a limit of its own.
Of one endpoint's requests it says the same of the service they go to: where as many calls a second are made to it as
there are such requests, and as many are outstanding there as such requests are under way, they are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadlab.recording.model import Recording
from loadlab.signals import calls, latency
from loadlab.signals._once import once
from loadlab.signals.calls import FEW, Calls
from loadlab.signals.missing import Missing
from loadlab.signals.windows import Window, measured

AS_OFTEN = 0.1
"""By how much the rate of calls may differ from that of the requests: segments count one of several answers as two."""

AS_MANY = 0.15
"""By how much what is outstanding may differ from what is under way: the front takes some of a request's time, and two
dozen looks know a mean of sixteen to a twentieth."""

FEWEST = 10
"""Answers at one or two users, below which they do not say how long a lone request takes."""


@dataclass(frozen=True)
class Lane:
    """The requests of one endpoint. rps: answered per second; alone_ms: what a lone one takes, mean."""

    endpoint: str
    rps: float
    alone_ms: float

    @property
    def at_once(self) -> float:
        """How many were served at a time, had each taken no longer than a lone one."""
        return self.rps * self.alone_ms / 1000


@once
def compute(recording: Recording) -> dict[str, Lane]:
    """By service; empty where there is one kind of requests only (of which signals/workers knows), or no telling."""
    window = measured(recording)
    names = {each.endpoint for each in recording.requests if window.start <= each.start < window.end}
    if len(names) < 2:
        return {}
    try:
        asked = [each for each in calls.compute(recording) if each.source in _front(recording)]
    except Missing:
        return {}
    found = {}
    for each in asked:
        mine = [lane for name in sorted(names) if (lane := _lane(recording, window, name, each)) is not None]
        if len(mine) == 1:
            found[each.to] = mine[0]
    return found


def _front(recording: Recording) -> set[str]:
    """The service that gets the load, and the one behind it where it is a balancer."""
    target = recording.meta.target
    return {target} | {each.upstream for each in recording.meta.services if each.name == target and each.upstream}


def _lane(recording: Recording, window: Window, endpoint: str, each: Calls) -> Lane | None:
    took = recording.quantiles(window.start, window.end, endpoint=endpoint, result="ok")
    every = recording.quantiles(window.start, window.end, result="ok")
    if took is None or every is None or not took.count:
        return None
    # Histograms are of whole seconds, the window's ends are not: they tell shares.
    rps = latency.compute(recording).rps * took.count / every.count
    under_way = rps * took.mean_ms / 1000
    if abs(rps - each.per_s) > AS_OFTEN * each.per_s or abs(under_way - each.outstanding) > AS_MANY * each.outstanding:
        return None
    alone = list(_alone(recording, endpoint))
    return Lane(endpoint, rps, min(alone)) if alone else None


def _alone(recording: Recording, endpoint: str) -> Iterable[float]:
    """Mean times at one or two users. With two, the other may be of another kind, and not in its way."""
    for level in recording.levels:
        if level.phase == "search" and 0 < level.users <= FEW:
            took = recording.quantiles(level.start, level.end, endpoint=endpoint, result="ok")
            if took is not None and took.count >= FEWEST:
                yield took.mean_ms
