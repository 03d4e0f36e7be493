"""A system under test: from what was written to a Spec, or every problem at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from loadlab import catalogue
from loadlab.errors import SpecError
from loadlab.spec import order
from loadlab.spec.checks import check_all
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Problem
from loadlab.spec.repair import validate
from loadlab.spec.source import Source

STUB: dict[str, Any] = {"service": [{"name": "service", "command": ["true"]}]}
"""Stands in for services that cannot be read, so that the rest of a file can be looked at."""


def build(written: Source, services: Mapping[str, Any] | None = None) -> Spec:
    """The system. Raises SpecError with every problem. `services`: units by name, by default loadlab's own."""
    known = catalogue.units("services") if services is None else services
    written, problems = _normal(written)
    spec, found = validate(written.raw, Spec, STUB)
    problems += found
    if spec is not None:
        spec = _with_front(spec.model_copy(update={"folder": written.folder}), known)
        said = {each.loc for each in problems}
        problems += [each for each in check_all(spec, written, known) if each.loc not in said or not each.with_found]
    lines = written.describe(problems)
    if lines or spec is None:
        raise SpecError(lines)
    return spec


def _with_front(spec: Spec, known: Mapping[str, Any]) -> Spec:
    """A server that loadlab knows as a balancer has that role without being told, and gets the load. Not one that
    another service calls: it stands inside, before some of them, and requests come in elsewhere."""
    called = order.callers(spec)

    def is_front(service: ServiceSpec) -> bool:
        role = getattr(known.get(service.unit), "ROLE", None)
        return service.role is None and role == "balancer" and not called[service.name]

    roles = (each.model_copy(update={"role": "balancer"}) if is_front(each) else each for each in spec.service)
    return spec.model_copy(update={"service": tuple(roles)})


def _normal(written: Source) -> tuple[Source, list[Problem]]:
    """What was written as the model wants it, and what that took."""
    raw, problems = dict(written.raw), []
    if raw.pop("folder", None) is not None:
        problems.append(Problem(("folder",), "unknown key; relative paths start at the folder of this file"))
    if isinstance(raw.get("service"), dict):
        raw["service"] = [raw["service"]]
        says = "services are a list of tables: write [[service]] with two brackets"
        problems.append(Problem(("service",), says, with_found=False))
    return dataclasses.replace(written, raw=raw), problems
