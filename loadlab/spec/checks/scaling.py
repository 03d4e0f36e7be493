"""Several instances: each needs a port of its own, and a scaler needs room between its ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import order, placeholders
from loadlab.spec.checks.load import is_target
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Instances that would fight for a port, two services with one port, and scalers that cannot scale."""
    called = order.callers(spec)
    by_name = {each.name: each for each in spec.service}
    fixed: dict[int, str] = {}
    for index, service in source.each_service(spec):
        loc: Loc = ("service", index)
        yield from _ports(service, loc, is_called=bool(called[service.name]) or service.name == spec.load.target)
        yield from _autoscale(service, source, loc)
        if service.autoscale is not None and service.unit in services:
            callers = [by_name[each] for each in called[service.name]]
            yield from _unheard(service, spec, loc, [each for each in callers if _learns(each, services)], callers)
        if service.port is not None and service.port in fixed:
            yield Problem((*loc, "port"), f"{fixed[service.port]} has the same port; take another, or leave it out")
        if service.port is not None:
            fixed.setdefault(service.port, service.name)


def _ports(service: ServiceSpec, loc: Loc, *, is_called: bool) -> Iterator[Problem]:
    count = service.at_most
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
    if service.uses is not None:
        yield Problem((*loc, "autoscale"), "only a service with a command can be scaled; a server keeps its state")
    if scale.metric == "in_flight" and service.command is not None and not placeholders.uses_own(service, "port"):
        yield Problem((*loc, "autoscale"), 'metric = "in_flight" counts requests at its port; use {port} in command')


def _unheard(
    service: ServiceSpec, spec: Spec, loc: Loc, learners: list[ServiceSpec], callers: list[ServiceSpec]
) -> Iterator[Problem]:
    """Who calls a scaled service has to learn of new instances, or they idle."""
    if is_target(service, spec):
        says = "the load goes to it, and so to its first instance only"
    elif callers and not learners:
        says = f"{' and '.join(each.name for each in callers)} will not learn of its new instances"
    else:
        return
    way_out = f'put a service before it that does: uses = "nginx", with = {{ upstream = "{service.name}" }}'
    yield Problem((*loc, "autoscale"), f"{says}; {way_out}")


def _learns(caller: ServiceSpec, services: Mapping[str, Any]) -> bool:
    """Whether a unit can tell a server that runs of new instances: its `learns`, where it has one."""
    learns = getattr(services.get(caller.unit), "learns", None)
    return learns is not None and bool(learns(caller))
