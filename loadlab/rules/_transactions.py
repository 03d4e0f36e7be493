"""What a database's connections are taken by, and its locks are held for. Of transactions that are open between two
statements, what their clients do meanwhile; else the statement that most of the time goes into."""

from __future__ import annotations

from loadlab.rules import Evidence
from loadlab.signals import Signals
from loadlab.signals.pressure import Pressure

AS_MANY = (0.5, 1.33)
"""Requests at another service for each open transaction. Half: what else they do has the smaller part of the time. A
third more: sessions are looked at ten times a second, and far more than there are transactions are not theirs."""


OPEN = 0.5
"""Transactions that are open between two statements, from which on half of the time there is one."""

MOST = 0.5
"""Share of the connections that are in a statement, and of that time in one and the same, from which on it is that."""


def taken_by(s: Signals, pressure: Pressure) -> tuple[str, str, list[Evidence]]:
    """By whom, to go on in a sentence ("" where that says nothing), what to do, and the reason."""
    to, seen = held_for(s, pressure)
    if to:
        advice = f"Ask {to} before or after the transaction, not in it; then make the pool bigger."
        return f" by transactions that wait for {to}", advice, seen
    return _statement(s, pressure) or ("", "Give connections back before slow work, then make the pool bigger.", [])


def _statement(s: Signals, pressure: Pressure) -> tuple[str, str, list[Evidence]] | None:
    name = pressure.service
    active, held = s.databases.sessions(name, "active"), s.databases.sessions(name, "idle_in_transaction")
    run = s.databases.run_by(name)
    top = max(run, key=lambda each: each.seconds, default=None)
    if top is None or active < max(held, MOST * pressure.connections):
        return None
    if top.seconds < MOST * sum(each.seconds for each in run):
        return None
    says = f"most of that time in one statement, {top.mean_ms:.0f} ms a call: {top.shown}"
    advice = f"Make the pool bigger: {name} has room for more at a time. Then the statement quicker: {top.shown}"
    return "", advice, [Evidence("statement_ms", top.mean_ms, says)]


def _clients(s: Signals, pressure: Pressure) -> list[str]:
    """Whose transactions they are: the caller's; where it asks nobody else, as a pooler (PgBouncer), its callers'."""
    asks = {edge.to for edge in s.edges.out_of(pressure.caller)}
    return [pressure.caller] if asks - {pressure.service} else sorted(s.edges.callers(pressure.caller))


def held_for(s: Signals, pressure: Pressure) -> tuple[str, list[Evidence]]:
    """The service they wait for, with the reason; "" where they do something else. A statement that waits for a lock is
    no time of the server's: it waits for such a transaction."""
    held = s.databases.sessions(pressure.service, "idle_in_transaction")
    served = s.databases.sessions(pressure.service, "active") - s.databases.sessions(pressure.service, "lock")
    if held < OPEN or held < served:
        return "", []
    low, high = AS_MANY
    mine = {*s.databases.services, pressure.caller}
    others = [edge for name in _clients(s, pressure) for edge in s.edges.out_of(name) if edge.to not in mine]
    edge = next((edge for edge in others if low * held <= edge.outstanding <= high * held), None)
    if edge is None:
        return "", []
    says = f"{edge.outstanding:.1f} requests were at {edge.to}, while {held:.1f} transactions were held open"
    return edge.to, [Evidence("held_for", edge.outstanding, says, low * held)]
