"""The load: a path that is one, and a target that listens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.spec import placeholders
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """A path without a slash, a locustfile beside a path, a target without a port, TLS settings at odds."""
    path = spec.load.path
    if not path.startswith("/"):
        example = "/" + path.split("://")[-1].lstrip("/")
        yield Problem(("load", "path"), f'expected a path that starts with a slash, like "{example}"')
    if any(each.isspace() or not each.isprintable() for each in path):
        yield Problem(("load", "path"), "a path has no blanks; a blank is written %20")
    if spec.load.locustfile is not None and source.given("load", "path"):
        yield Problem(("load", "path"), "the locustfile says what is asked for; leave one of the two out")
    if spec.load.locustfile is not None and source.given("load", "think_s"):
        yield Problem(("load", "think_s"), "the locustfile says how users pause (wait_time); leave one of the two out")
    for index, service in source.each_service(spec):
        if is_target(service, spec) and service.command is not None and not _listens(service, source, index):
            yield Problem(
                ("service", index),
                "gets the load, but on which port? use {port} in command or env, "
                "or write port = 8000 for one that the program has fixed",
                with_found=False,
            )
        if service.scheme == "http" and (service.ca is not None or source.given("service", index, "verify")):
            key = "ca" if service.ca is not None else "verify"
            yield Problem(("service", index, key), 'is about TLS; it needs scheme = "https"')
        if service.ca is not None and not service.verify:
            yield Problem(("service", index, "verify"), "with ca the certificate is checked; leave one of the two out")


def is_target(service: ServiceSpec, spec: Spec) -> bool:
    """Whether a service gets the load; of a target nobody is called, none does."""
    if spec.load.target is not None:
        return service.name == spec.load.target
    return service is spec.target


def _listens(service: ServiceSpec, source: Source, index: int) -> bool:
    return source.given("service", index, "port") or placeholders.uses_own(service, "port")
