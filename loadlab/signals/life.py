"""Exits and restarts of the user's services while they were under load."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from loadlab.recording.model import Event, Recording

ASKED = frozenset(
    (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)
)
"""Signals by which a master, or an operator, asks a worker to end: it renews it after so many requests, or needs fewer.
Programs that end by them in their own way give 128 and the signal's number as their exit code."""

BY_SIGNAL = 128

SERVES = ("app", "worker")
"""Roles whose workers outlive what they are asked for. A database's process ends with its connection, and its exit code
says how that one ended."""

LIVED_S = 2.0
"""A process that fails sooner was started for one task, whose failure it is."""

WITH_IT_S = 2.0
"""Between the end of an instance and that of its workers: they die with it, or it with them."""


@dataclass(frozen=True)
class Exit:
    """One process that ended though nobody asked it to. worker: one that an instance had forked itself."""

    t: float
    service: str
    instance: int
    pid: int
    code: int | None
    signal: int | None
    last_lines: tuple[str, ...]
    restarted: bool
    worker: bool = False


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
        exits.append(_exit(event, restarted=again, worker=False))
    roles = {each.name: each.role for each in recording.meta.services}
    for event in recording.events:
        if event.kind == "worker_exited" and _crashed(event, roles.get(event.service, "")) and not _with(event, exits):
            exits.append(_exit(event, restarted=False, worker=True))
    return Life(tuple(sorted(exits, key=lambda each: each.t)))


def _exit(event: Event, *, restarted: bool, worker: bool) -> Exit:
    return Exit(
        event.t,
        event.service,
        event.instance,
        event.pid,
        event.data.get("code"),
        event.data.get("signal"),
        tuple(event.data.get("last_lines") or ()),
        restarted,
        worker,
    )


def _crashed(event: Event, role: str) -> bool:
    """Whether a worker's end was none of those that its master asks for."""
    if number := event.data.get("signal"):
        return number not in ASKED
    code = event.data.get("code") or 0
    lived_s = float(event.data.get("lived_s") or 0.0)
    return code != 0 and code - BY_SIGNAL not in ASKED and role in SERVES and lived_s >= LIVED_S


def _with(event: Event, exits: list[Exit]) -> bool:
    return any(
        not each.worker
        and (each.service, each.instance) == (event.service, event.instance)
        and abs(each.t - event.t) <= WITH_IT_S
        for each in exits
    )
