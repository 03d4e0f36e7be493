"""Names: each service its own, none of loadlab's, and the load's target is one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec.model import Spec
from loadlab.spec.problem import Problem, meant
from loadlab.spec.source import Source

RESERVED = ("generator", "loadlab")
"""What the recording calls loadlab's own processes."""


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Every name given twice, every reserved one, and a target nobody is called."""
    seen: dict[str, int] = {}
    for index, service in source.each_service(spec):
        loc = ("service", index, "name")
        if service.name in seen:
            yield Problem(loc, f"service #{seen[service.name] + 1} of this file has the same name; each needs its own")
        seen.setdefault(service.name, index)
        if service.name in RESERVED:
            yield Problem(loc, "is what recordings call loadlab's own processes; take another name")
    target = spec.load.target
    if target is not None and target not in source.names:
        yield Problem(("load", "target"), f"no service is called that{meant(target, source.names)}")
