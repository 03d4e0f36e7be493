"""The names of a run: ports, folders, addresses, and the placeholders that stand for them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from loadlab.catalogue import units
from loadlab.errors import ServiceError
from loadlab.services import Found, Network, Plan, Server, _find, _ports, _resolver, _spaces
from loadlab.spec import placeholders
from loadlab.spec.model import Attach, ServiceSpec, Spec

LOOPBACK = "127.0.0.1"
HERE = (LOOPBACK, "localhost", "::1")
"""How this machine's own loopback is called."""
ESCAPED = re.compile(r"\{" + placeholders.PLACEHOLDER.pattern + r"\}")
EITHER = re.compile(f"(?P<escaped>{ESCAPED.pattern})|(?P<plain>{placeholders.PLACEHOLDER.pattern})")


def attach(where: Attach) -> Found:
    """What an attached service is. Raises ServiceError."""
    if where.port is not None:
        return _find.by_port(where.port)
    if where.pid is not None:
        return _find.by_pid(where.pid)
    return _find.by_url(where.url or "")


def most_instances(service: ServiceSpec) -> int:
    """How many there can be at once; a database's replicas are instances."""
    count: int = getattr(units("services").get(service.unit), "instances", lambda one: one.at_most)(service)
    return count


@dataclass
class RunNames:
    """Implements services.Names. `root`: the recording's folder. What touches the machine can be exchanged."""

    spec: Spec
    root: Path
    draw: Callable[[], int] = _ports.draw
    draw_network: Callable[[], str] = _spaces.draw
    attach: Callable[[Attach], Found] = attach
    resolve: Callable[[str, str | None], Server] = _resolver.find
    uid: int = field(default_factory=os.geteuid)
    python: str = sys.executable
    _ports: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _spare: dict[tuple[str, int, str], int] = field(default_factory=dict)
    _found: dict[str, Found] = field(default_factory=dict)
    _servers: dict[tuple[str, str | None], Server] = field(default_factory=dict)
    _urls: dict[str, str] = field(default_factory=dict)
    _replicas: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _serving: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _network: str = ""

    def ports(self, service: str) -> tuple[int, ...]:
        """One for each instance that takes requests; none for a command that is not told one."""
        ports = self.all_ports(service)
        first = range(self._service(service).at_start)
        if self._service(service).autoscale is None or not ports:
            return ports
        return tuple(ports[each] for each in self._serving.get(service, first))

    def all_ports(self, service: str) -> tuple[int, ...]:
        if service not in self._ports:
            self._ports[service] = self._drawn(self._service(service))
        return self._ports[service]

    def serve(self, service: str, instances: Sequence[int]) -> None:
        """From now on these instances of a scaled service take requests: others are told their ports."""
        self._serving[service] = tuple(instances)

    def spare(self, service: str, instance: int, what: str) -> int:
        key = (service, instance, what)
        if key not in self._spare:
            self._spare[key] = self.draw()
        return self._spare[key]

    def folder(self, service: str, instance: int) -> Path:
        return self.root.absolute() / "services" / f"{service}-{instance}"

    def host(self, service: str, instance: int = 0, asking: str = "") -> str:
        one, network = self._service(service), self.network(service, instance)
        if network is not None:
            return network.address
        host = self.found(one).host if one.attach is not None else LOOPBACK
        home = self.network(asking, 0) if asking else None
        return home.home if home is not None and host in HERE else host

    def url(self, service: str, asking: str = "") -> str:
        """As its plan says, for those planned already: a database's is not http."""
        if service in self._urls:
            return self._seen(self._urls[service], asking)
        return next(iter(self._urls_of(self._service(service), asking)), "")

    def is_apart(self, service: str) -> bool:
        return self._service(service).is_apart

    def network(self, service: str, instance: int) -> Network | None:
        """Of an instance that has one of its own."""
        number = 0
        for each in self.spec.service:
            if each.is_apart and each.name == service:
                self._network = self._network or self.draw_network()
                return _spaces.place(self._network, number + instance)
            number += most_instances(each) if each.is_apart else 0
        return None

    def learn(self, plan: Plan) -> None:
        """What a plan says of its service is what others are told."""
        if plan.url:
            self._urls[plan.service] = plan.url
        if plan.replica_urls:
            self._replicas[plan.service] = plan.replica_urls

    def found(self, service: ServiceSpec) -> Found:
        if service.attach is None:
            raise ServiceError(f"{service.name} is not attached")
        if service.name not in self._found:
            self._found[service.name] = self.attach(service.attach)
        return self._found[service.name]

    def server(self, name: str, service: ServiceSpec) -> Server:
        explicit = service.with_.get("binary")
        key = (name, explicit if isinstance(explicit, str) else None)
        if key not in self._servers:
            self._servers[key] = self.resolve(*key)
        return self._servers[key]

    def fill(self, text: str, service: str, instance: int) -> str:
        """`{{port}}` is a literal `{port}`; braces around anything unknown are left alone: JSON, awk, templates."""

        def replace(found: re.Match[str]) -> str:
            if found["escaped"]:
                meant = found["escaped"][1:-1]
                return meant if self._value(meant[1:-1], service, instance) is not None else found[0]
            value = self._value(found[0][1:-1], service, instance)
            return found[0] if value is None else value

        return EITHER.sub(replace, text)

    def _value(self, name: str, service: str, instance: int) -> str | None:
        """What a placeholder stands for; None where it is none."""
        word, dot, attribute = name.partition(".")
        if not dot:
            return self._own(word, service, instance)
        if attribute in placeholders.OF_OTHERS and any(each.name == word for each in self.spec.service):
            return self._of(word, attribute, service)
        return None

    def _own(self, word: str, service: str, instance: int) -> str | None:
        match word:
            case "python":
                return self.python
            case "instance":
                return str(instance)
            case "dir":
                return str(self.folder(service, instance))
            case "port":
                ports = self.all_ports(service)
                return str(ports[instance]) if instance < len(ports) else None
        return None

    def _of(self, other: str, attribute: str, asking: str) -> str:
        if attribute == "host":
            return self.host(other, asking=asking)
        if attribute == "url":
            return self.url(other, asking)
        ports = self.ports(other)
        if not ports:
            raise ServiceError(
                f"{asking} refers to {{{other}.{attribute}}}, but {other} has no port; use {{port}} in its command or "
                "env, or write port = 8000 for one that the program has fixed"
            )
        if attribute == "port":
            return str(ports[0])
        if attribute == "ports":
            return ",".join(map(str, ports))
        if attribute == "addresses":
            return ",".join(self.addresses(other, asking))
        replicas = self._replicas.get(other)
        if replicas:
            return ",".join(self._seen(each, asking) for each in replicas)
        return ",".join(self._urls_of(self._service(other), asking)[1:])

    def addresses(self, service: str, asking: str = "") -> tuple[str, ...]:
        """host:port of the instances that take requests."""
        every = self.all_ports(service)
        hosts = {port: self.host(service, instance, asking) for instance, port in enumerate(every)}
        shown = {port: f"[{host}]" if ":" in host else host for port, host in hosts.items()}
        return tuple(f"{shown[port]}:{port}" for port in self.ports(service))

    def _urls_of(self, service: ServiceSpec, asking: str = "") -> list[str]:
        scheme = self.found(service).scheme if service.attach is not None else service.scheme
        return [f"{scheme}://{each}" for each in self.addresses(service.name, asking)]

    def _seen(self, url: str, asking: str) -> str:
        """A URL as loadlab has it, for who is asking: in a namespace of its own this machine is called otherwise."""
        parts, home = urlsplit(url), self.network(asking, 0) if asking else None
        if home is None or parts.hostname not in HERE:
            return url
        before, at, _ = parts.netloc.rpartition("@")
        port = f":{parts.port}" if parts.port is not None else ""
        return parts._replace(netloc=f"{before}{at}{home.home}{port}").geturl()

    def _drawn(self, service: ServiceSpec) -> tuple[int, ...]:
        if service.attach is not None:
            return self.found(service).ports
        if service.port is not None:
            return (service.port,)
        if service.command is not None and not placeholders.uses_own(service, "port"):
            return ()
        return tuple(self.draw() for _ in range(most_instances(service)))

    def _service(self, name: str) -> ServiceSpec:
        return next(each for each in self.spec.service if each.name == name)
