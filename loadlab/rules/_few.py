"""How many requests the last service of a chain serves at a time, at most, and where these are: part of
slow_downstream."""

from __future__ import annotations

from loadlab.rules import Evidence
from loadlab.signals import Signals
from loadlab.signals.edges import Edge

WAIT = 1.5
"""Requests in the other service for each that it serves at a time: below, hardly any of them waits its turn there."""

COMPUTING = 0.5
"""Cores it uses for each of these, from which on computing may be what takes their time."""

ONE = 1.25
"""Served at a time, up to which it is one."""

ELSEWHERE = 0.5
"""Requests in the caller itself, or at another service that it asks, from which on the one that is served is there and
not where the others wait. What any number of requests may do there at a time would let that many more be served than
ONE."""

MEANWHILE = "meanwhile cache its answers, ask in parallel, or queue the work."


def serves_few(s: Signals, edge: Edge, inside: float) -> tuple[str, str, list[Evidence]] | None:
    """How that is said after the sentence, where to look, and the reasons; None where it does not serve few at a time.
    inside: requests in the caller."""
    few = _at_once(s, edge.to)
    if few is None:
        return None
    many = "one" if round(few) <= 1 else f"about {few:.0f}"
    says = f"as many were served as with {few:.1f} at a time, each as soon as one that is alone"
    evidence = [Evidence("at_once", few, says, s.edges.into(edge.to) / WAIT)]
    how = f", which serves no more than {many} at a time"
    look = f"Look in {edge.to} for what lets so few through: a lock, a worker or pool, a queue, a limiter; {MEANWHILE}"
    asked = [each for each in s.edges.out_of(edge.source) if each.to != edge.to]
    own = inside - edge.outstanding - sum(each.outstanding for each in asked)
    if few <= ONE and own >= ELSEWHERE:
        says = f"{own:.1f} requests at a time were in {edge.source} itself: the one that the others wait for"
        evidence.append(Evidence("own", own, says, ELSEWHERE))
        look = (
            f"Look in {edge.source} for what it does between two questions to {edge.to} while it keeps the others out "
            "of there (a transaction that is open, a lock that it holds), and do that before or after."
        )
    elif few <= ONE and asked and asked[0].outstanding >= ELSEWHERE:
        other = asked[0]
        how = f", where one at a time has its turn and asks {other.to} meanwhile"
        says = f"{other.outstanding:.1f} requests at a time were at {other.to}: the one that the others wait for"
        evidence.append(Evidence("elsewhere", other.outstanding, says, ELSEWHERE))
        look = (
            f"Look in {edge.source} for where it asks {other.to} while it keeps the others out of {edge.to} (a "
            f"transaction that is open, a lock that it holds), and ask {other.to} before or after."
        )
    return how, look, evidence


def _at_once(s: Signals, name: str) -> float | None:
    """By Little's law; None where no lone request was seen, where they do not wait for each other, or where they
    compute."""
    lane, used = s.lanes.get(name), s.cpu.services.get(name)
    served = s.workers.at_once if lane is None else lane.at_once
    if served is None or used is None or s.edges.into(name) < WAIT * served:
        return None
    return served if used.cores < COMPUTING * served else None
