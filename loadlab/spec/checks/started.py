"""How a service comes to run: started from a command, by a unit loadlab knows, or by somebody else. Exactly one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from loadlab.spec.model import Attach, ServiceSpec, Spec
from loadlab.spec.problem import Loc, Problem, meant
from loadlab.spec.source import Source

WAYS = ("command", "uses", "attach")
ATTACH_WAYS = ("port", "pid", "url")
NOT_WHEN_ATTACHED = (
    *("cwd", "instances", "port", "ready", "env", "pass_env"),
    *("limits", "restart", "autoscale", "setup", "with"),
)
INTERNAL_UNITS = ("command", "attached")
"""Units of loadlab/services/ that have a key of their own."""


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """Every service that says nothing, or two things, on how it starts; and keys that do not fit the way it does."""
    for index, service in source.each_service(spec):
        loc: Loc = ("service", index)
        given = [each for each in WAYS if source.given(*loc, each)]
        if not given:
            yield Problem(
                loc,
                'how does it start? give one of command = ["program", "argument"], uses = "..." '
                f"({', '.join(_known(services)) or 'no kinds known'}), attach = {{ port = 8000 }}",
                with_found=False,
            )
        elif len(given) > 1:
            yield Problem(loc, f"has {' and '.join(given)}; exactly one of {', '.join(WAYS)}", with_found=False)
        if service.uses is not None and service.uses not in _known(services):
            says = f"loadlab knows no such kind of service{meant(service.uses, _known(services))}"
            yield Problem((*loc, "uses"), says)
        if service.with_ and "uses" not in given:
            yield Problem((*loc, "with"), 'settings for services that loadlab knows; it needs uses = "..."')
        if "attach" in given and len(given) == 1:
            yield from _attached(service, source, loc)


def _known(services: Mapping[str, Any]) -> list[str]:
    return [each for each in services if each not in INTERNAL_UNITS]


def _attached(service: ServiceSpec, source: Source, loc: Loc) -> Iterator[Problem]:
    for key in NOT_WHEN_ATTACHED:
        if source.given(*loc, key):
            yield Problem((*loc, key), "loadlab does not start an attached service; leave this out, or give a command")
    given = [each for each in ATTACH_WAYS if source.given(*loc, "attach", each)]
    if len(given) > 1 or (not given and service.attach is not None):
        yield Problem((*loc, "attach"), 'exactly one of port = 8000, pid = 4711, url = "http://..."')
    if service.attach is not None:
        yield from _url(service.attach, loc)


def _url(attach: Attach, loc: Loc) -> Iterator[Problem]:
    if attach.url is None:
        return
    says = url_problem(attach.url)
    if says:
        yield Problem((*loc, "attach", "url"), says)


def url_problem(url: str) -> str:
    """What is wrong with the address of a service, empty where nothing is."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f'is no address ({error}); write it like "http://127.0.0.1:8000"'
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return 'expected http:// or https:// and a host, like "http://127.0.0.1:8000"'
    return ""
