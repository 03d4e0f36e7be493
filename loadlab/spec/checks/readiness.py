"""When a service counts as started: one way to tell, and one that can come true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import placeholders
from loadlab.spec.model import Ready, ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem
from loadlab.spec.source import Source

WAYS = ("http", "tcp", "log")


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Two ways at once, a path that is none, a pattern that is none, a check of a port nobody was given."""
    for index, service in source.each_service(spec):
        loc: Loc = ("service", index, "ready")
        given = [each for each in WAYS if source.given(*loc, each)]
        if len(given) > 1:
            yield Problem(loc, f"has {' and '.join(given)}; exactly one of {', '.join(WAYS)}")
        if service.ready is not None:
            yield from _values(service.ready, loc)
            yield from _port(service, loc)


def _values(ready: Ready, loc: Loc) -> Iterator[Problem]:
    if ready.http is not None and not ready.http.startswith("/"):
        example = "/" + (ready.http.lstrip("/") or "health")
        yield Problem((*loc, "http"), f'expected a path that starts with a slash, like "{example}"')
    if ready.tcp is False:
        yield Problem((*loc, "tcp"), "write tcp = true, or leave it out")
    if ready.log is not None:
        try:
            re.compile(ready.log)
        except (re.error, OverflowError, RecursionError) as error:
            says = (
                f"is no regular expression: {error}; in single quotes, \\( \\[ \\* stand for the characters themselves"
            )
            yield Problem((*loc, "log"), says)


def _port(service: ServiceSpec, loc: Loc) -> Iterator[Problem]:
    ready = service.ready
    asks = ready is not None and (ready.http is not None or ready.tcp is True)
    if asks and service.command is not None and service.port is None and not placeholders.uses_own(service, "port"):
        yield Problem(
            loc,
            "asks a port, but the service was given none; use {port} in command or env, "
            "or write port = 8000 for one that the program has fixed",
        )
