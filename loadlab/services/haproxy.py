"""HAProxy as a load balancer, in a folder of its own, on loopback.

What: its configuration is made here, or is the user's own template (`config`, which gets {{ status_port }} for a
`stats socket ipv4@127.0.0.1:...`). Its counters are read over that socket: queues, times and answers of each server.
"""

from __future__ import annotations

from typing import Any

from loadlab.services import (
    Names,
    Plan,
    ProcessPlan,
    Server,
    TakeOver,
    _balancing,
    _haproxy_config,
    _templates,
    _values,
)
from loadlab.spec.model import ServiceSpec, Spec

ROLE = "balancer"
WITH = ("upstream", "strategy", "weights", "threads", "maxconn", "server_maxconn", "cookie", "listen", "settings",
        "config", "binary")  # fmt: skip


def check(service: ServiceSpec, spec: Spec) -> list[str]:
    """Unknown keys, an upstream that is no service, a strategy HAProxy does not have, numbers that are none."""
    found = _values.unknown(service.with_, WITH, "haproxy")
    if "config" in service.with_:
        return found
    return found + _balancing.problems(service, spec) + _haproxy_config.problems(service.with_)


def learns(service: ServiceSpec) -> bool:
    """Every server there can be stands in the generated configuration; those that serve are told over its socket."""
    return "config" not in service.with_


def plan(service: ServiceSpec, names: Names) -> Plan:
    """One HAProxy an instance. Raises ServerMissing."""
    server = names.server("haproxy", service)
    processes = tuple(_process(service, names, server, each) for each in range(service.instances))
    url = names.url(service.name)
    return Plan(service.name, service.role or ROLE, service.unit, processes, url=url, version=server.version)


def _process(service: ServiceSpec, names: Names, server: Server, instance: int) -> ProcessPlan:
    folder, port = names.folder(service.name, instance), names.ports(service.name)[instance]
    spare = names.spare(service.name, instance, "status")
    take_over = None
    if "config" in service.with_:
        text = _templates.render(service, names, folder, port, {"status_port": spare})
    else:
        given: dict[str, Any] = _templates.filled(
            service.with_, lambda value: names.fill(value, service.name, instance)
        )
        backends = _balancing.backends(given, names, service.name)
        text = _haproxy_config.render(given, port, spare, backends, scaled=_is_scaled(service, names))
        take_over = TakeOver(socket=_haproxy_config.SOCKET, lines=_haproxy_config.states(backends))
    listens = str(spare) in text
    argv = (str(server.path), "-db", "-f", str(folder / "haproxy.cfg"))
    return ProcessPlan(
        service=service.name,
        instance=instance,
        argv=argv,
        cwd=folder,
        folder=folder,
        env={key: names.fill(value, service.name, instance) for key, value in service.env.items()},
        files={"haproxy.cfg": text},
        ports=(port,),
        spare_ports=(spare,) if listens else (),
        status={"haproxy": str(spare)} if listens else {},
        test=(*argv, "-c"),
        take_over=take_over if _is_scaled(service, names) else None,
        scratch=(_haproxy_config.SOCKET,),
    )


def _is_scaled(service: ServiceSpec, names: Names) -> bool:
    behind = _balancing.upstreams(service.with_)
    return any(each.autoscale is not None for each in names.spec.service if each.name in behind)
