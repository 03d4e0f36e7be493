"""Exits and restarts of the user's services while they were under load."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.recording.model import Recording


@dataclass(frozen=True)
class Exit:
    """One process that ended though nobody asked it to."""

    t: float
    service: str
    instance: int
    pid: int
    code: int | None
    signal: int | None
    last_lines: tuple[str, ...]
    restarted: bool


@dataclass(frozen=True)
class Life:
    """Unexpected exits in order of time."""

    exits: tuple[Exit, ...]


def compute(recording: Recording) -> Life:
    """No Missing: without events nothing ended."""
    restarts = [(each.service, each.instance, each.t) for each in recording.events if each.kind == "restarted"]
    exits = []
    for event in recording.events:
        if event.kind != "exited" or event.data.get("expected"):
            continue
        again = any(
            service == event.service and instance == event.instance and t >= event.t
            for service, instance, t in restarts
        )
        exits.append(
            Exit(
                event.t,
                event.service,
                event.instance,
                event.pid,
                event.data.get("code"),
                event.data.get("signal"),
                tuple(event.data.get("last_lines") or ()),
                again,
            )
        )
    return Life(tuple(exits))
