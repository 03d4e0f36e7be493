"""Modules that each process of many imports anew: part of the rules about processes that live for one task."""

from __future__ import annotations

from loadlab.rules import Evidence, percent
from loadlab.signals import Signals

SHARE = 1 / 3
"""Share of a service's CPU from which on it is named: as much as one line must take to be made cheaper first."""

BEFORE = "Import what a task needs before its process is made (in whoever forks, not within the task)."


def importing(s: Signals, name: str) -> list[Evidence]:
    """[] where it is little, or where another program is started: of a fork alone can the parent import before."""
    profile, used = s.hot.services.get(name), s.cpu.services.get(name)
    if profile is None or profile.importing < SHARE or used is None or used.ended.program:
        return []
    says = f"{percent(profile.importing)} of its CPU went into importing modules"
    return [Evidence("importing", profile.importing, says, SHARE)]
