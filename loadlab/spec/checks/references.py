"""Placeholders: each means something, what it means exists, and no two services wait for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import order, placeholders
from loadlab.spec.checks.load import is_target
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Every misspelled placeholder, every one of a service without a port, and every ring of services."""
    portless = {each.name for _, each in source.each_service(spec) if _has_no_port(each, source, spec)}
    indices = {service.name: index for index, service in source.each_service(spec)}
    for index, service in source.each_service(spec):
        others = [each for each in source.names if each != service.name]
        names = [*others, service.name]
        for loc, text in placeholders.texts(service):
            for written, guess in placeholders.misspelled(text, names):
                says = f"{written} means nothing; did you mean {guess}? {_known(names)}"
                yield Problem(("service", index, *loc), says)
            for name in placeholders.asked_for_port(text, portless):
                says = f"{name} has no port; use {{port}} in its command or env, or write port = 8000 there"
                yield Problem(("service", index, *loc), says)
    for ring in order.cycles(order.callees(spec)):
        if ring[0] in indices:
            chain = " -> ".join([*ring, ring[0]])
            says = f"they wait for each other: {chain}; none of them can start first, so one reference has to go"
            yield Problem(("service", indices[ring[0]]), says, with_found=False)


def _has_no_port(service: ServiceSpec, source: Source, spec: Spec) -> bool:
    """A command that is not told a port; where that is a problem in itself, it is reported as such."""
    if service.command is None or source.given("service", spec.service.index(service), "port"):
        return False
    said_elsewhere = is_target(service, spec) or service.at_most > 1
    return not said_elsewhere and not placeholders.uses_own(service, "port")


def _known(names: list[str]) -> str:
    own = ", ".join("{" + each + "}" for each in placeholders.OWN)
    return f"(known: {own}, and {{{names[0]}.url}}, .host, .port, .ports, .addresses of any service)"
