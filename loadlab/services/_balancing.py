"""What every balancer is told in `with`: the services behind it, a strategy, weights. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.services import Names
from loadlab.spec.model import ServiceSpec, Spec

STRATEGIES = ("round_robin", "least_conn", "ip_hash", "random")


@dataclass(frozen=True)
class Backend:
    """One server behind the balancer."""

    host: str
    port: int
    scheme: str = "http"
    weight: int = 1
    serves: bool = True
    """Whether it is sent requests now; False for an instance that a scaler may start, or takes away."""


def upstreams(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The services behind the balancer: `upstream` is one name or several."""
    value = given.get("upstream", ())
    names = (value,) if isinstance(value, str) else value
    return tuple(each for each in names if isinstance(each, str)) if isinstance(names, list | tuple) else ()


def problems(service: ServiceSpec, spec: Spec) -> list[str]:
    """An upstream that is no service, a strategy nobody has, weights that do not fit."""
    by_name = {each.name: each for each in spec.service}
    names = upstreams(service.with_)
    found = [] if names else ['upstream is missing: the service that gets the requests, as in upstream = "app"']
    for name in names:
        if name not in by_name or name == service.name:
            known = ", ".join(each for each in by_name if each != service.name)
            found.append(f'upstream = "{name}" is no other service of this system (known: {known})')
    strategy = service.with_.get("strategy", STRATEGIES[0])
    if strategy not in STRATEGIES:
        found.append(f"strategy = {strategy!r} is none of {', '.join(STRATEGIES)}")
    weights, behind = service.with_.get("weights", []), [by_name[each] for each in names if each in by_name]
    if weights and any(each.autoscale is not None for each in behind):
        return [*found, "weights need servers that stay: leave them out, or autoscale"]
    return found + _weights(weights, sum(each.instances for each in behind))


def backends(given: Mapping[str, Any], names: Names, asking: str) -> tuple[Backend, ...]:
    """Every instance of every upstream service there can be, in order. asking: the balancer."""
    weights = list(given.get("weights", ()))
    found: list[Backend] = []
    for name in upstreams(given):
        scheme = names.url(name).partition("://")[0] or "http"
        serving = names.ports(name)
        for instance, port in enumerate(names.all_ports(name)):
            weight = weights[len(found)] if len(found) < len(weights) else 1
            found.append(Backend(names.host(name, instance, asking), port, scheme, weight, port in serving))
    return tuple(found)


def counts(value: Any, least: int) -> bool:
    """Whether it is a whole number of this or more; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _weights(weights: Any, servers: int) -> list[str]:
    if not isinstance(weights, list) or not all(counts(each, 1) for each in weights):
        return ["weights is a list of whole numbers from 1 up, one for each server, as in weights = [3, 1]"]
    if weights and len(weights) != servers:
        return [f"weights has {len(weights)} numbers for {servers} servers; each server needs its own"]
    return []
