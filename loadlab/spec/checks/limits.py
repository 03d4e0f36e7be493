"""Limits a process can live with, and what an instance with a network of its own cannot reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from loadlab.spec import placeholders
from loadlab.spec.model import ServiceSpec, Spec
from loadlab.spec.problem import Problem
from loadlab.spec.source import Source

LEAST_MEMORY_BYTES = 4 * 1024**2
"""No dynamically linked program gets as far as its first line with less; a slip of the unit is likelier."""
LEAST_BANDWIDTH_BITS = 64_000
"""A telephone line: with less, a health check of a few packets takes as long as its patience."""
MOST_APART = 250
"""A run has 256 addresses for them."""
LOOPBACK = ("localhost", "::1")


def check(spec: Spec, source: Source, services: Mapping[str, Any]) -> Iterator[Problem]:
    """A memory limit in which nothing starts; a bandwidth of a network that is shared, or too little; more networks
    than there are addresses; what is asked of, or by, instances with a network of their own and cannot be told."""
    yield from _memory(spec, source)
    yield from _bandwidth(spec, source)
    apart = {each.name: each for each in spec.service if each.is_apart}
    if sum(each.at_most for each in apart.values()) > MOST_APART:
        says = f'network = "own" is for at most {MOST_APART} instances of all services together'
        yield Problem(("service",), says, with_found=False)
    by_name = {each.name: each for each in spec.service}
    for index, service in source.each_service(spec):
        for loc, text in placeholders.texts(service):
            for found in placeholders.found_in(text):
                says = _unsayable(service, by_name.get(found[1]), found[2])
                if says:
                    yield Problem(("service", index, *loc), f"{found[0]} {says}")


def _unsayable(asking: ServiceSpec, other: ServiceSpec | None, attribute: str | None) -> str:
    """Why what a placeholder asks for cannot be told; empty where it can."""
    if other is None or attribute is None:
        return ""
    if attribute == "ports" and other.is_apart and other.at_most > 1:
        return (
            f"are ports at one address, and each instance of {other.name} has its own (limits.network); "
            f"write {{{other.name}.addresses}}"
        )
    elsewhere = other.attach is not None and other.attach.url is not None and not _is_here(other.attach.url)
    if asking.is_apart and elsewhere:
        return (
            f"is on another host, which an instance of {asking.name} does not reach from a network of its own: "
            "leave out limits.network there"
        )
    return ""


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in LOOPBACK or host.startswith("127.")


def _bandwidth(spec: Spec, source: Source) -> Iterator[Problem]:
    for index, service in source.each_service(spec):
        bits = service.limits.bandwidth_bits if service.limits is not None else None
        loc = ("service", index, "limits", "bandwidth")
        if bits is not None and not service.is_apart:
            yield Problem(loc, 'is of an instance with a network of its own: add network = "own"')
        elif bits is not None and bits < LEAST_BANDWIDTH_BITS:
            yield Problem(loc, 'nothing answers in time with so little; did you mean "Mbit"?')


def _memory(spec: Spec, source: Source) -> Iterator[Problem]:
    for index, service in source.each_service(spec):
        size = service.limits.memory_bytes if service.limits is not None else None
        if size is not None and size < LEAST_MEMORY_BYTES:
            yield Problem(("service", index, "limits", "memory"), 'nothing starts in so little; did you mean "MB"?')
