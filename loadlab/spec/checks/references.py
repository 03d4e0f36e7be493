"""Placeholders: each means something, and no two services wait for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import order, placeholders
from loadlab.spec.model import Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Every misspelled placeholder and every ring of services."""
    indices = {service.name: index for index, service in source.each_service(spec)}
    for index, service in source.each_service(spec):
        others = [each for each in source.names if each != service.name]
        names = [*others, service.name]
        for loc, text in placeholders.texts(service):
            for written, guess in placeholders.misspelled(text, names):
                says = f"{written} means nothing; did you mean {guess}? {_known(names)}"
                yield Problem(("service", index, *loc), says)
    for ring in order.cycles(order.callees(spec)):
        if ring[0] in indices:
            chain = " -> ".join([*ring, ring[0]])
            says = f"they wait for each other: {chain}; none of them can start first, so one reference has to go"
            yield Problem(("service", indices[ring[0]]), says, with_found=False)


def _known(names: list[str]) -> str:
    own = ", ".join("{" + each + "}" for each in placeholders.OWN)
    return f"(known: {own}, and {{{names[0]}.url}}, .host, .port, .ports of any service)"
