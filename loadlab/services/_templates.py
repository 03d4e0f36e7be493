"""A user's own configuration file, rendered; and placeholders in `with`, replaced at any depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError

from loadlab.errors import SpecError
from loadlab.services import Names
from loadlab.spec.model import ServiceSpec


@dataclass(frozen=True)
class Address:
    """A service as a template sees it: `{{ app.host }}:{{ app.port }}`, `{% for each in app.addresses %}`."""

    host: str
    port: int | None
    all_ports: tuple[int, ...]
    url: str
    addresses: tuple[str, ...] = ()
    """host:port of each instance."""
    is_apart: bool = False

    @property
    def ports(self) -> tuple[int, ...]:
        """Of all instances. Raises TemplateError where they have no host in common."""
        if self.is_apart and len(self.all_ports) > 1:
            raise TemplateError("its instances have an address each (limits.network): write addresses instead of ports")
        return self.all_ports


def filled(value: Any, fill: Callable[[str], str]) -> Any:
    """The same value with every text in it filled; keys stay as they are."""
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, dict):
        return {key: filled(each, fill) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [filled(each, fill) for each in value]
    return value


def render(service: ServiceSpec, names: Names, folder: Path, port: int, more: Mapping[str, Any]) -> str:
    """The file that `config` names: a Jinja template where its name ends in .j2, else as it is. Raises SpecError."""
    written = service.with_["config"]
    path: Path = names.spec.folder / written
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".j2":
            return text
        rendered: str = _environment().from_string(text).render({**_known(service, names, folder, port), **more})
        return rendered
    except (OSError, ValueError, TemplateError) as error:
        known = ", ".join((*_variables(names, service), *more))
        raise SpecError([f"{path}, the config of {service.name}: {error} (known here: {known})"]) from error


def _environment() -> Environment:
    """A configuration file is no web page: nothing in it is escaped for HTML."""
    return Environment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701


def _known(service: ServiceSpec, names: Names, folder: Path, port: int) -> dict[str, Any]:
    here = str(names.spec.folder.absolute())
    known: dict[str, Any] = {"host": "127.0.0.1", "port": port, "dir": str(folder), "here": here}
    for name in _others(names, service):
        ports = names.ports(name)
        host, url = names.host(name, asking=service.name), names.url(name, service.name)
        addresses = names.addresses(name, service.name)
        one = Address(host, ports[0] if ports else None, ports, url, addresses, names.is_apart(name))
        known[name.replace("-", "_")] = one
    return known


def _variables(names: Names, service: ServiceSpec) -> list[str]:
    return ["host", "port", "dir", "here", *(each.replace("-", "_") for each in _others(names, service))]


def _others(names: Names, service: ServiceSpec) -> list[str]:
    return [each.name for each in names.spec.service if each.name != service.name]
