"""Several instances: each needs a port of its own, and a scaler needs room between its ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import order, placeholders
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Instances that would fight for a port, two services with one port, and scalers that cannot scale."""
    called = order.callers(spec)
    fixed: dict[int, str] = {}
    for index, service in source.each_service(spec):
        loc: Loc = ("service", index)
        yield from _ports(service, loc, is_called=bool(called[service.name]) or service.name == spec.load.target)
        yield from _autoscale(service, source, loc)
        if service.port is not None and service.port in fixed:
            yield Problem((*loc, "port"), f"{fixed[service.port]} has the same port; take another, or leave it out")
        if service.port is not None:
            fixed.setdefault(service.port, service.name)


def most_instances(service: ServiceSpec) -> int:
    """How many instances there can be at once."""
    return max(service.instances, service.autoscale.max if service.autoscale is not None else 1)


def _ports(service: ServiceSpec, loc: Loc, *, is_called: bool) -> Iterator[Problem]:
    count = most_instances(service)
    if count == 1 or service.attach is not None:
        return
    if service.port is not None:
        yield Problem((*loc, "port"), f"{count} instances cannot share one port; leave it out and use {{port}}")
    asks_port = service.ready is not None and (service.ready.http is not None or service.ready.tcp is True)
    if service.command is not None and (is_called or asks_port) and not placeholders.uses_own(service, "port"):
        yield Problem(
            (*loc, "command"),
            f"{count} instances, and none is told its port: use {{port}} in command or env, each gets its own",
        )


def _autoscale(service: ServiceSpec, source: Source, loc: Loc) -> Iterator[Problem]:
    scale = service.autoscale
    if scale is None:
        return
    if scale.min > scale.max:
        yield Problem((*loc, "autoscale"), f"min = {scale.min} is more than max = {scale.max}")
    if scale.in_below >= scale.out_above:
        yield Problem(
            (*loc, "autoscale"),
            f"in_below = {scale.in_below:g} has to be less than out_above = {scale.out_above:g}, or they come and go",
        )
    if source.given(*loc, "instances") and not scale.min <= service.instances <= scale.max:
        yield Problem((*loc, "instances"), f"is outside of autoscale, {scale.min} to {scale.max}")
