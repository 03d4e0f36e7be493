"""How many requests the last service of a chain serves at a time, at most: part of slow_downstream."""

from __future__ import annotations

from loadlab.signals import Signals

WAIT = 1.5
"""Requests in the other service for each that it serves at a time: below, hardly any of them waits its turn there."""

COMPUTING = 0.5
"""Cores it uses for each of these, from which on computing may be what takes their time."""


def at_once(s: Signals, name: str) -> float | None:
    """How many requests the last service of the way serves at a time, at most, by Little's law; None where no lone
    request was seen, where they do not wait for each other, or where they compute."""
    served, used = s.workers.at_once, s.cpu.services.get(name)
    if served is None or used is None or s.edges.into(name) < WAIT * served:
        return None
    return served if used.cores < COMPUTING * served else None
