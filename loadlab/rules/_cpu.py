"""Where CPU is what limits a service: part of the rules that say what it goes into."""

from __future__ import annotations

from loadlab.signals import Signals
from loadlab.signals.stations import ON_CPU

IDLE = 0.15
"""Share of the cores that may be idle on a full machine, as in all_cores."""

LARGEST = 0.5
"""Share of the services' CPU from which on a full machine is full because of this one."""


CONNECTION_S = 0.0001
"""Kernel time of opening, accepting and closing a connection, both ends: 50 microseconds measured on loopback within
one process, twice that where two take turns."""


def bound(s: Signals, name: str) -> str:
    """In words: why the service has no more CPU to use; "" where it has."""
    full = [each for each in s.stations.of(name) if each.full and each.process.cores >= ON_CPU]
    if full:
        return "its busiest process had no time left"
    service = s.cpu.services.get(name)
    if service is not None and s.host.idle_share < IDLE and service.cores >= LARGEST * s.cpu.system_cores:
        return f"all {s.host.cores} cores were in use, most of them by it"
    return ""
