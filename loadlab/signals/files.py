"""Open files against the limit, per process, over the whole load."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Entity, Recording
from loadlab.signals.missing import Missing
from loadlab.signals.rates import peak
from loadlab.signals.windows import Window


@dataclass(frozen=True)
class OpenFiles:
    """One process: most files open at once, and how many it may open."""

    entity: Entity
    peak: float
    limit: float


@dataclass(frozen=True)
class Files:
    """Every watched process of the user's services."""

    all: tuple[OpenFiles, ...]
    refused: int
    """Requests that failed to connect, or whose connection was closed without an answer."""
    requests: int


REFUSALS = ("refused", "reset", "closed", "timeout", "timed out", "broken")


def compute(recording: Recording) -> Files:
    """Raises Missing where open files were not counted. Looks at the whole run: a limit hit in the search counts
    too."""
    whole = Window(0.0, max(recording.end, 0.1))
    limits = {each.entity: each for each in recording.series("process.fd_limit")}
    found = []
    for series in recording.series("process.fds"):
        if series.entity.service in ("generator", "loadlab") or series.entity not in limits:
            continue
        most, limit = peak(series, whole), peak(limits[series.entity], whole)
        if most is not None and limit:
            found.append(OpenFiles(series.entity, most, limit))
    if not found:
        raise Missing("open files could not be counted (the process belongs to another user?)")
    refused = sum(each.count for each in recording.errors if any(word in each.error.lower() for word in REFUSALS))
    return Files(tuple(found), refused, sum(each.count for each in recording.requests))
