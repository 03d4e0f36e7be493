"""Who turned requests away, by how far they came: part of rate_limited."""

from __future__ import annotations

from loadlab.signals import Signals
from loadlab.signals.calls import Calls

TOLD = 0.3
"""Share of failed requests in the measured window, from which on who hands all of them on is told from who does not."""

ALL = 0.9
"""Calls for each request from which on hardly any is refused before them."""

STORES = ("cache", "database", "queue")
"""Roles of what is asked by whoever refuses, as for a count of requests, and refuses nobody itself."""


def refuser(s: Signals) -> str:
    """Who hands on every request, also those that are refused, is not who refuses them: the next one is. Of several
    whom it asks one may be asked for each request and say nothing of it, so all have to be."""
    name, stores = s.meta.target, {each.name for each in s.meta.services if each.role in STORES}
    passed: set[str] = set()
    while s.latency.error_rate >= TOLD and name not in passed:
        passed.add(name)
        asked = [each for each in s.calls if each.source == name and each.to not in stores]
        if not asked or any(each.per_request < ALL for each in asked):
            break
        name = asked[0].to
    return name


def again_of(s: Signals, name: str) -> Calls | None:
    """The calls of a service that are repeated the more often the more others wait."""
    return next((calls for calls in s.calls if calls.source == name and calls.polls), None)


def refused(s: Signals, name: str) -> bool:
    """Whether what a service asks again refuses it: a store does not, it only says that something is not there yet.
    Where nobody has said what is one, a program in a language that is known is somebody's service."""
    calls = again_of(s, name)
    stores = {each.name for each in s.meta.services if each.role in STORES}
    return calls is not None and calls.to in s.languages and calls.to not in stores
