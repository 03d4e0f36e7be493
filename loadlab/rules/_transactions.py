"""Part of connection_pool_exhausted: what the clients of open transactions do meanwhile, between two statements."""

from __future__ import annotations

from loadlab.rules import Evidence
from loadlab.signals import Signals
from loadlab.signals.pressure import Pressure

AS_MANY = (0.5, 1.33)
"""Requests at another service for each open transaction. Half: what else they do has the smaller part of the time. A
third more: sessions are looked at ten times a second, and far more than there are transactions are not theirs."""


def held_for(s: Signals, pressure: Pressure) -> tuple[str, list[Evidence]]:
    """The service they wait for, with the reason; "" where they do something else."""
    held = s.databases.sessions(pressure.service, "idle_in_transaction")
    if held < 1 or held < s.databases.sessions(pressure.service, "active"):
        return "", []
    low, high = AS_MANY
    others = [edge for edge in s.edges.out_of(pressure.caller) if edge.to not in s.databases.services]
    edge = next((edge for edge in others if low * held <= edge.outstanding <= high * held), None)
    if edge is None:
        return "", []
    says = f"{edge.outstanding:.1f} requests were at {edge.to}, while {held:.1f} transactions were held open"
    return edge.to, [Evidence("held_for", edge.outstanding, says, low * held)]
