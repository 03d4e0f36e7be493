"""Where requests are while a limit has no name: the place to look into."""

from __future__ import annotations

from loadlab.rules import listed
from loadlab.signals import Signals
from loadlab.signals.missing import Missing

SHARE = 0.1
"""Of the requests under way: where fewer are, nobody would look first."""

LEAST = 2.0
"""Requests under way, mean: of fewer none waits for another."""


def whereabouts(s: Signals) -> str:
    """A whole sentence: which services have requests that they have not passed on, the one with most first; "" where
    that is not known."""
    try:
        waiting, meant = s.waiting, s.measurement.generator.in_flight
    except Missing:
        return ""
    passed: dict[str, float] = {}
    for each in waiting.waits:
        passed[each.source] = passed.get(each.source, 0.0) + (each.requests or 0.0)
    kept = {name: count - passed.get(name, 0.0) for name, count in waiting.inside.items()}
    here = sorted((name for name, count in kept.items() if count >= SHARE * meant), key=lambda name: -kept[name])
    if meant < LEAST or not here:
        return ""
    first, *others = here
    there = f"of {meant:.0f} requests under way {kept[first]:.0f} were in it and not passed on"
    if round(kept[first]) > round(meant):  # each request asks several times at once
        there = f"{kept[first]:.0f} calls were in it at a time and not passed on, for {meant:.0f} requests under way"
    beside = f", and {listed([f'{kept[name]:.0f} in {name}' for name in others])}" if others else ""
    return f"Look into {first} first: {there}{beside}."
