"""What the unit of a known service has to say of its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec.model import Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems found by each service's own unit."""
    for index, service in source.each_service(spec):
        unit = services.get(service.unit)
        if unit is None:
            continue
        key = {"command": "command", "attached": "attach"}.get(service.unit, "with")
        try:
            found = list(unit.check(service, spec))
        except Exception as error:  # noqa: BLE001 - one broken unit hides nothing else and does not disappear
            found = [f"could not be checked, a fault of loadlab's {service.unit} unit: {type(error).__name__}: {error}"]
        for says in found:
            yield Problem(("service", index, key), says, with_found=False)
